//! `relaypass surface`: what every package is compared with.

use std::io::{stdout, Write};

use crate::CommandResult;

pub fn print() -> CommandResult {
    writeln!(stdout(), "{:#}", relaypass::surface::describe())?;
    Ok(())
}
