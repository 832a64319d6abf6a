//! What a client says of its own privacy, as a call.

use super::calls::{Call, PrivacyReportArguments};
use crate::client::Client;
use crate::error::Result;
use crate::privacy::PrivacyReport;

impl Call for PrivacyReportArguments {
    const NAME: &'static str = "privacy_report";
    const IS_LONG: bool = false;
    type Answer = PrivacyReport;

    async fn make(self, client: &Client, seconds: Option<f64>) -> Result<PrivacyReport> {
        client.report_within_seconds(seconds).await
    }
}
