//! `relaypass sandbox`.

use std::io::Write;
use std::net::SocketAddr;

use relaypass_sandbox::{Options, Sandbox};

use crate::settings::{count, listen};
use crate::CommandResult;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Where to listen; loopback only. Port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:0", value_parser = listen)]
    listen: SocketAddr,
    /// Serve https, HTTP/2 and HTTP/1.1, with a certificate authority of its own, printed as `ca_pem`
    #[arg(long)]
    tls: bool,
    /// Size of the keys that sign passes: 2048, 3072 or 4096
    #[arg(long, default_value_t = 2048, value_parser = count::<usize>)]
    key_bits: usize,
    /// Stop when standard input closes: the sandbox then ends with the test that started it
    #[arg(long)]
    until_stdin_closes: bool,
}

pub(crate) async fn run(arguments: Arguments) -> CommandResult {
    let sandbox = Sandbox::start(Options {
        listen: arguments.listen,
        tls: arguments.tls,
        key_bits: arguments.key_bits,
    })
    .await?;
    println!("{}", serde_json::to_string(sandbox.ready())?);
    std::io::stdout().flush()?;
    tokio::select! {
        () = sandbox.wait() => {}
        () = crate::stop::stdin_closed(), if arguments.until_stdin_closes => {}
    }
    Ok(())
}
