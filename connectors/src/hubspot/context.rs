//! What a deal's payload alone does not say, as it is stored beside the payload:
//!
//! ```json
//! {"stage": "won", "companyCurrency": "EUR"}
//! ```
//!
//! `stage` is what the deal's stage means in its own pipeline (`open`, `won` or `lost`), left out where the account's
//! pipelines do not say; `companyCurrency` is there only for a deal that names no currency. Nothing else goes in, since a
//! change of the context is a change of the record.

use serde::{Deserialize, Serialize};

use super::api::{HubSpotApi, Part};
use super::objects::Object;
use super::pipelines::{Meaning, Pipelines};
use super::resource::Resource;
use crate::connector::SourceError;

/// The document beside a deal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Context {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) stage: Option<Meaning>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) company_currency: Option<String>,
}

/// What the account says of itself, asked for once in a run and only when a deal needs it.
#[derive(Debug, Default)]
pub(super) struct Account {
    pipelines: Option<Pipelines>,
    company_currency: Option<Option<String>>,
}

impl Account {
    /// The contexts of a page's objects, in their order. Deals in the bin have none: they count in no figure, and looking
    /// into the bin has to stay cheap.
    pub(super) async fn contexts(
        &mut self,
        api: &HubSpotApi,
        resource: Resource,
        part: Part,
        objects: &[Object],
    ) -> Result<Vec<Option<String>>, SourceError> {
        if resource != Resource::Deals || part == Part::Bin || objects.is_empty() {
            return Ok(vec![None; objects.len()]);
        }
        if self.pipelines.is_none() {
            self.pipelines = Some(api.pipelines().await?);
        }
        if self.company_currency.is_none() && objects.iter().any(|object| !object.has_currency) {
            self.company_currency = Some(api.company_currency().await?);
        }
        Ok(objects.iter().map(|object| self.context(object)).collect())
    }

    fn context(&self, object: &Object) -> Option<String> {
        let stage = object.pipeline.as_deref().zip(object.stage.as_deref());
        let context = Context {
            stage: stage.and_then(|(pipeline, stage)| self.pipelines.as_ref()?.meaning(pipeline, stage)),
            company_currency: self.company_currency.clone().flatten().filter(|_| !object.has_currency),
        };
        // A struct of two texts has no way to fail.
        (context != Context::default()).then(|| serde_json::to_string(&context).unwrap_or_default())
    }
}
