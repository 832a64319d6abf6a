//! Durable verifications, and passes bought ahead, as calls.

use super::calls::{
    Call, CompleteArguments, CountArguments, CreateTableArguments, ForgetArguments, GetArguments,
    PrefetchArguments, PruneArguments, RecoverArguments, StartArguments,
};
use crate::claim::ClaimType;
use crate::client::{Client, MOST_PASSES};
use crate::error::Result;
use crate::verification::{Completion, StartVerification, Verification};

impl StartArguments {
    /// Checks the arguments.
    ///
    /// # Errors
    /// `invalid_argument`, and what to change.
    pub fn parse(self) -> Result<StartVerification> {
        let request = StartVerification::new(ClaimType::parse(self.claim_type)?);
        match self.reference {
            None => Ok(request),
            Some(reference) => request.reference(reference),
        }
    }
}

impl Call for StartArguments {
    const NAME: &'static str = "verifications.start";
    const IS_LONG: bool = true;
    type Answer = Verification;

    async fn make(self, client: &Client, seconds: Option<f64>) -> Result<Verification> {
        let theme = self.theme.clone();
        let request = self.parse()?;
        let verifications = client.verifications().within_seconds(seconds)?;
        let verifications = verifications.themed_as(theme.as_deref())?;
        verifications.start(request).await
    }
}

impl Call for CompleteArguments {
    const NAME: &'static str = "verifications.complete";
    const IS_LONG: bool = true;
    type Answer = Completion;

    async fn make(self, client: &Client, seconds: Option<f64>) -> Result<Completion> {
        let verifications = client.verifications().within_seconds(seconds)?;
        let id = verifications.read_id(self.id)?;
        verifications
            .complete(&id, self.reissue == Some(true))
            .await
    }
}

impl Call for GetArguments {
    const NAME: &'static str = "verifications.get";
    // A claim that is still closed is decrypted on a thread for that: nothing here takes long.
    const IS_LONG: bool = false;
    type Answer = Verification;

    async fn make(self, client: &Client, seconds: Option<f64>) -> Result<Verification> {
        let verifications = client.verifications().within_seconds(seconds)?;
        let verifications = verifications.themed_as(self.theme.as_deref())?;
        let id = verifications.read_id(self.id)?;
        verifications.get(&id).await
    }
}

impl Call for ForgetArguments {
    const NAME: &'static str = "verifications.forget";
    const IS_LONG: bool = true;
    type Answer = ();

    async fn make(self, client: &Client, seconds: Option<f64>) -> Result<()> {
        let verifications = client.verifications().within_seconds(seconds)?;
        let id = verifications.read_id(self.id)?;
        verifications.forget(&id).await
    }
}

impl Call for RecoverArguments {
    const NAME: &'static str = "verifications.recover";
    const IS_LONG: bool = true;
    type Answer = u64;

    async fn make(self, client: &Client, seconds: Option<f64>) -> Result<u64> {
        let verifications = client.verifications().within_seconds(seconds)?;
        verifications.recover().await
    }
}

impl Call for PruneArguments {
    const NAME: &'static str = "verifications.prune";
    const IS_LONG: bool = true;
    type Answer = u64;

    async fn make(self, client: &Client, seconds: Option<f64>) -> Result<u64> {
        let verifications = client.verifications().within_seconds(seconds)?;
        verifications.prune().await
    }
}

impl Call for CreateTableArguments {
    const NAME: &'static str = "verifications.create_table";
    const IS_LONG: bool = true;
    type Answer = ();

    async fn make(self, client: &Client, seconds: Option<f64>) -> Result<()> {
        let verifications = client.verifications().within_seconds(seconds)?;
        verifications.create_table().await
    }
}

impl Call for PrefetchArguments {
    const NAME: &'static str = "passes.prefetch";
    const IS_LONG: bool = true;
    type Answer = u64;

    async fn make(self, client: &Client, seconds: Option<f64>) -> Result<u64> {
        let claim_type = ClaimType::parse(self.claim_type)?;
        // A number that is no count becomes one that is refused, in its turn.
        let count = u32::try_from(self.count).unwrap_or(MOST_PASSES + 1);
        let passes = client.passes().within_seconds(seconds)?;
        passes.prefetch(&claim_type, count).await.map(u64::from)
    }
}

impl Call for CountArguments {
    const NAME: &'static str = "passes.count";
    const IS_LONG: bool = false;
    type Answer = u64;

    async fn make(self, client: &Client, seconds: Option<f64>) -> Result<u64> {
        let claim_type = ClaimType::parse(self.claim_type)?;
        let passes = client.passes().within_seconds(seconds)?;
        passes.count(&claim_type).await.map(u64::from)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::calls::run;
    use super::*;
    use crate::store::MemoryStore;

    async fn refusals(client: &Client) -> [&'static str; 3] {
        let id = String::from("no id");
        let complete = CompleteArguments {
            id: id.clone(),
            reissue: None,
        };
        let get = GetArguments {
            id: id.clone(),
            theme: None,
        };
        let forget = ForgetArguments { id };
        [
            run(complete, client, None).await.map(|_| ()),
            run(get, client, None).await.map(|_| ()),
            run(forget, client, None).await,
        ]
        .map(|refused| refused.expect_err("it is none").code())
    }

    #[tokio::test]
    async fn a_malformed_id_hides_nothing_that_is_wrong_with_the_client() {
        let without = Client::builder().build().expect("a client");
        assert_eq!(refusals(&without).await, ["invalid_argument"; 3]);
        let client = Client::builder().api_key("persona_sandbox_x");
        let client = client.store(Arc::new(MemoryStore::default())).build();
        let client = client.expect("a client");
        assert_eq!(refusals(&client).await, ["not_found"; 3]);
        client.close(None).await.expect("it closes");
        assert_eq!(refusals(&client).await, ["closed"; 3]);
    }
}
