//! The calls of a client: arguments in, an answer out.
//!
//! The list stands once, here. A binding names a macro that makes a method of its host's language of
//! each call.

use std::borrow::Borrow;
use std::future::Future;

use super::caught::caught_now;
use crate::client::{rules, Client, ClientArguments};
use crate::described::{described, Plain, Record, Rule};
use crate::error::Result;
use crate::secret::Secret;

/// Hands every call but `close` to a macro: `calls!(then)`. A call has a method, the arguments that
/// must be given before the semicolon and those that may be left out behind it, and what it answers.
#[doc(hidden)]
#[macro_export]
macro_rules! calls {
    ($then:ident) => {
        $then! {
            create: CreateArguments {
                claim_type: Text;
                encryption_key: Text
            } -> RelayRecord,
            issue_privacy_pass: IssueArguments {
                ;
                claim_type: Text, relay_token: Text, relay_secret: SecretText
            } -> PrivacyPassRecord,
            generate_claim: ClaimArguments {
                relay_token: Text, relay_secret: SecretText, privacy_pass_token: SecretText;
                claim_type: Text, decryption_key: SecretTexts, idempotency_key: SecretText,
                encryption_form: Text
            } -> GeneratedClaimRecord,
            start_verification: StartArguments {
                claim_type: Text;
                reference: Text, theme: Text
            } -> VerificationRecord,
            complete_verification: CompleteArguments {
                id: Text;
                reissue: Flag
            } -> CompletionRecord,
            get_verification: GetArguments { id: Text; theme: Text } -> VerificationRecord,
            forget_verification: ForgetArguments { id: Text; } -> Nothing,
            recover_verifications: RecoverArguments { ; } -> Count,
            prune_verifications: PruneArguments { ; } -> Count,
            create_table: CreateTableArguments { ; } -> Nothing,
            prefetch_passes: PrefetchArguments { claim_type: Text, count: Whole; } -> Count,
            count_passes: CountArguments { claim_type: Text; } -> Count,
            privacy_report: PrivacyReportArguments { ; } -> PrivacyReportRecord,
        }
    };
}

/// Hands every function that needs no client, and computes at once, to a macro, as [`calls!`] does with
/// calls.
#[doc(hidden)]
#[macro_export]
macro_rules! functions {
    ($then:ident) => {
        $then! {
            read_key_pair: ReadKeyArguments { private_pem: SecretText; } -> KeyPairRecord,
            read_jwk: ReadJwkArguments { private_jwk: SecretText; } -> KeyPairRecord,
            open_claim: OpenArguments {
                claim_payload: SecretText;
                decryption_key: SecretTexts, claim_type: Text, encryption_form: Text
            } -> ClaimRecord,
        }
    };
}

/// Makes a client. Nothing is sent.
///
/// # Errors
/// `invalid_argument`, and what to change.
pub fn open(arguments: &ClientArguments) -> Result<Client> {
    caught_now(|| arguments.parse()?.build())
}

/// Arguments that a client answers.
pub trait Call: Record + Send + Sized + 'static {
    /// As errors name it: `relays.create`.
    const NAME: &'static str;
    /// Whether it asks Persona, may tell events, or may have much to do before it first waits: then
    /// it begins on the runtime, and not on the thread of its caller.
    const IS_LONG: bool;
    /// What comes of it.
    type Answer: Send + 'static;

    /// Checks the arguments, and makes the call within so many seconds.
    fn make(
        self,
        client: &Client,
        seconds: Option<f64>,
    ) -> impl Future<Output = Result<Self::Answer>> + Send;
}

/// Arguments of which something is computed.
pub trait Function: Record {
    /// As errors name it: `open_claim`.
    const NAME: &'static str;
    /// What comes of it.
    type Answer;

    /// Checks the arguments, and computes. It takes a millisecond and more.
    ///
    /// # Errors
    /// `invalid_argument`, and what is computed may have its own.
    fn compute(self) -> Result<Self::Answer>;
}

/// Computes. Whatever it fails with names the function.
///
/// # Errors
/// Those of the function.
pub fn compute<F: Function>(arguments: F) -> Result<F::Answer> {
    let computed = caught_now(|| arguments.compute());
    computed.map_err(|error| error.in_operation(F::NAME))
}

/// Makes a call. Whatever it fails with names it.
///
/// # Errors
/// Those of the call.
pub async fn run<C: Call>(
    arguments: C,
    client: impl Borrow<Client> + Send,
    seconds: Option<f64>,
) -> Result<C::Answer> {
    let made = arguments.make(client.borrow(), seconds).await;
    made.map_err(|error| error.in_operation(C::NAME))
}

type Text = String;
type SecretText = Secret<String>;
type SecretTexts = Vec<Secret<String>>;
type Flag = bool;
type Whole = i64;

macro_rules! declare {
    ($($method:ident: $arguments:ident {
        $($needed:ident: $needed_type:ident),*;
        $($other:ident: $other_type:ident),*
    } -> $answer:ident,)*) => {$(
        described! {
            /// The arguments of a call or a function: see its `NAME`.
            pub struct $arguments {
                $(pub $needed: $needed_type => rule!($needed),)*
                $(pub $other: Option<$other_type> => rule!($other),)*
            }
        }
    )*};
}

/// What is allowed in an argument of this name.
macro_rules! rule {
    (reissue) => {
        Rule::ANY.by_default(Plain::Flag(false))
    };
    (count) => {
        rules::PREFETCH
    };
    (theme) => {
        rules::THEME
    };
    (encryption_form) => {
        rules::CLAIM_FORM
    };
    ($other:ident) => {
        Rule::ANY
    };
}

calls!(declare);
functions!(declare);

#[cfg(test)]
mod tests {
    use super::*;

    macro_rules! fail {
        ($($method:ident: $arguments:ident {
            $($needed:ident: $needed_type:ident),*;
            $($other:ident: $other_type:ident),*
        } -> $answer:ident,)*) => {
            vec![$({
                let arguments = $arguments {
                    $($needed: some!($needed_type),)*
                    $($other: None,)*
                };
                let client = Client::builder().build().unwrap();
                let no_time = Some(0.0);
                let failed = run(arguments, &client, no_time).await;
                (<$arguments as Call>::NAME, failed.map(|_| ()).unwrap_err())
            }),*]
        };
    }

    macro_rules! some {
        (SecretText) => {
            Secret::new(String::new())
        };
        (Whole) => {
            0
        };
        (Text) => {
            String::new()
        };
    }

    #[tokio::test]
    async fn an_argument_that_is_refused_names_the_call() {
        for (name, error) in calls!(fail) {
            assert_eq!(error.code(), "invalid_argument", "{name}");
            assert_eq!(error.operation(), name);
        }
    }
}
