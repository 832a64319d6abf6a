//! What something on the way answers in Persona's place: a proxy, a firewall, a portal.

use super::dice::Dice;

/// The same every time, and no word of Persona's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) status: u16,
    pub(super) form: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Html,
    /// JSON, but not in Persona's form.
    Json,
    Empty,
}

const STATUSES: [u16; 19] = [
    200, 200, 204, 301, 302, 307, 400, 401, 403, 404, 407, 408, 409, 422, 429, 500, 502, 503, 504,
];

impl Page {
    pub(super) const fn html(status: u16) -> Self {
        Self {
            status,
            form: Form::Html,
        }
    }

    pub(super) fn random(dice: &mut Dice) -> Self {
        Self {
            status: dice.one_of(&STATUSES),
            form: dice.one_of(&[Form::Html, Form::Json, Form::Empty]),
        }
    }

    pub(super) fn body(self) -> String {
        match self.form {
            Form::Html => format!("<html>{}</html>", self.status),
            Form::Json => format!(r#"{{"message":"{}"}}"#, self.status),
            Form::Empty => String::new(),
        }
    }
}
