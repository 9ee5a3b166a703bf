//! The registry of campaigns (A2P 10DLC), which is asked by way of a messaging service of the carrier.

use bin_common_handler::{
    httphandler::Method,
    webhooks::carrier::{segment, with_form},
};
use serde::Deserialize;
use uuid::Uuid;

use super::{Asked, CarrierFault, Carriers, null_is_empty};
use crate::models::{provider::Provider, registration::Registration};

/// What the registry says of a campaign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It looks.
    Pending,
    /// Texts may be sent.
    Approved,
    /// They may not.
    Rejected,
}

/// A campaign as the registry has it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Campaign {
    /// The carrier's id of it.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub sid: String,
    #[serde(default, deserialize_with = "null_is_empty")]
    campaign_status: String,
    #[serde(default)]
    errors: Option<Vec<Flaw>>,
}

/// Why it was turned down.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Flaw {
    error_code: Option<u32>,
}

impl Campaign {
    /// Where it stands; a word that is not known is none of an end.
    pub(crate) fn standing(&self) -> Standing {
        match self.campaign_status.as_str() {
            "VERIFIED" => Standing::Approved,
            "FAILED" | "SUSPENDED" | "EXPIRED" => Standing::Rejected,
            _ => Standing::Pending,
        }
    }

    /// Why it was turned down, for people.
    pub(crate) fn failure(&self) -> String {
        let codes = self.errors.iter().flatten();
        let codes: Vec<_> = codes
            .filter_map(|flaw| flaw.error_code)
            .take(5)
            .map(|code| code.to_string())
            .collect();
        let codes = match codes.join(", ") {
            none if none.is_empty() => "no reason that is known here".to_owned(),
            some => format!("code {some}"),
        };
        format!("the registry does not take the campaign ({codes})")
    }
}

#[derive(Deserialize)]
struct Service {
    sid: String,
    #[serde(default, deserialize_with = "null_is_empty")]
    friendly_name: String,
}

#[derive(Deserialize)]
struct Services {
    services: Vec<Service>,
}

#[derive(Deserialize)]
struct Campaigns {
    compliance: Vec<Campaign>,
}

impl Carriers {
    /// The messaging service of a number, made where there is none: one that an earlier try made is found by its name.
    pub(crate) async fn service(&self, provider: &Provider, number_id: Uuid) -> Asked<String> {
        let account = self.account(provider)?;
        let name = format!("tandem {number_id}");
        let request = account.messaging(Method::GET, "Services?PageSize=1000")?;
        let known: Services = self.ask(request).await?;
        let mut known = known.services.into_iter();
        if let Some(service) = known.find(|service| service.friendly_name == name) {
            return Ok(service.sid);
        }
        let request = account.messaging(Method::POST, "Services")?;
        let fields = [("FriendlyName", name.as_str())];
        let made: Service = self.ask(with_form(request, &fields)).await?;
        Ok(made.sid)
    }

    /// The campaign of a messaging service, where one is filed.
    pub(crate) async fn campaign(
        &self,
        provider: &Provider,
        service: &str,
    ) -> Asked<Option<Campaign>> {
        let request = self.account(provider)?;
        let request = request.messaging(Method::GET, &path(service))?;
        let campaigns: Campaigns = self.ask(request).await?;
        Ok(campaigns.compliance.into_iter().next())
    }

    /// Files a campaign.
    pub(crate) async fn file(
        &self,
        provider: &Provider,
        service: &str,
        wanted: &Registration,
    ) -> Asked<Campaign> {
        let request = self.account(provider)?;
        let request = request.messaging(Method::POST, &path(service))?;
        let mut fields = vec![
            ("BrandRegistrationSid", wanted.brand_id.as_str()),
            ("UsAppToPersonUsecase", wanted.use_case.as_str()),
            ("Description", wanted.description.as_str()),
            ("MessageFlow", wanted.message_flow.as_str()),
            // Templates of the business may hold both, and what is left out is refused later.
            ("HasEmbeddedLinks", "true"),
            ("HasEmbeddedPhone", "true"),
        ];
        fields.extend(
            wanted
                .samples
                .iter()
                .map(|it| ("MessageSamples", it.as_str())),
        );
        self.ask(with_form(request, &fields)).await
    }

    /// Takes back a campaign that was turned down; it would stand in the way of the next.
    pub(crate) async fn withdraw(
        &self,
        provider: &Provider,
        service: &str,
        campaign: &str,
    ) -> Asked<()> {
        let path = format!("{}/{}", path(service), segment(campaign));
        let request = self.account(provider)?.messaging(Method::DELETE, &path)?;
        match self.done(request).await {
            Err(CarrierFault::Refused(no)) if no.status == 404 => Ok(()),
            other => other,
        }
    }
}

fn path(service: &str) -> String {
    format!("Services/{}/Compliance/Usa2p", segment(service))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("VERIFIED", Standing::Approved)]
    #[case("FAILED", Standing::Rejected)]
    #[case("SUSPENDED", Standing::Rejected)]
    #[case("PENDING", Standing::Pending)]
    #[case("IN_PROGRESS", Standing::Pending)]
    #[case("a word of tomorrow", Standing::Pending)]
    fn only_what_is_known_ends_the_wait(#[case] word: &str, #[case] expected: Standing) {
        let text = format!(r#"{{"sid": "QE1", "campaign_status": "{word}", "errors": null}}"#);
        let campaign: Campaign = serde_json::from_str(&text).unwrap();
        assert_eq!(campaign.standing(), expected);
    }

    #[test]
    fn a_refusal_has_the_codes_of_the_registry() {
        let text = r#"{"sid": "QE1", "campaign_status": "FAILED",
            "errors": [{"error_code": 30896, "fields": ["OPT_IN_MESSAGE"]}, {}]}"#;
        let campaign: Campaign = serde_json::from_str(text).unwrap();
        assert!(
            campaign.failure().ends_with("(code 30896)"),
            "{}",
            campaign.failure()
        );
    }
}
