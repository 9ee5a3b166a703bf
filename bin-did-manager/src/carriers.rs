//! How a business's carrier is asked: with the account of its provider, outside of any transaction.

mod registry;

pub(crate) use registry::{Campaign, Standing};

use std::{sync::Arc, time::Duration};

use bin_common_handler::{
    config::{Config, settings},
    daemon::{ManagerContext, StartError},
    httphandler::{HttpClient, HttpFault, HttpRequest, HttpResponse, Method},
    models::error::{Error, Result, Status},
    sealer::Sealer,
    webhooks::carrier::{
        CarrierAccount, CarrierRefusal, pairs, refusal, segment, unasked, with_form,
    },
};
use serde::{Deserialize, Serialize};

use crate::models::{phonenumber::PhoneNumber, provider::Provider};

/// Longest wait for a carrier.
const WITHIN: Duration = Duration::from_secs(8);
/// Numbers that a search answers.
const OFFERS_MAX: &str = "20";
/// What the carrier says of a number that is in the messaging service already.
const IN_SERVICE_ALREADY: u32 = 21710;

/// Asks carriers. Clones share it.
#[derive(Clone)]
pub(crate) struct Carriers {
    http: HttpClient,
    sealer: Arc<Sealer>,
    config: Config,
}

/// Why a carrier did not do it.
#[derive(Debug)]
pub(crate) enum CarrierFault {
    /// It says no, and will say no again.
    Refused(CarrierRefusal),
    /// Another time it may say yes.
    Away(Error),
}

impl From<HttpFault> for CarrierFault {
    fn from(fault: HttpFault) -> Self {
        Self::Away(fault.into())
    }
}

impl From<CarrierFault> for Error {
    fn from(fault: CarrierFault) -> Self {
        match fault {
            CarrierFault::Refused(refusal) => Self::new(
                Status::FailedPrecondition,
                "PROVIDER_REFUSED",
                format!("The provider refused it: {}.", reason(refusal)),
            ),
            CarrierFault::Away(error) => error,
        }
    }
}

/// A refusal as people can read it.
pub(crate) fn reason(refusal: CarrierRefusal) -> String {
    let CarrierRefusal { code, status } = refusal;
    let known = match (code, status) {
        (20003, _) | (_, 401 | 403) => "the account's id or secret is not right",
        (21422 | 21452, _) => "the number is not available any more",
        (21421, _) => "the number is not valid",
        (21631 | 21615 | 21628, _) => "the account needs an address for this number",
        (_, 404) => "it knows nothing of that",
        (_, 402) => "the account has no money left",
        _ => "it gave no reason that is known here",
    };
    format!("{known} (code {code}, status {status})")
}

/// Where a number's webhooks go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hooks {
    pub voice: String,
    pub status: String,
    pub sms: String,
}

impl Hooks {
    fn fields(&self) -> [(&'static str, &str); 6] {
        [
            ("VoiceUrl", &self.voice),
            ("VoiceMethod", "POST"),
            ("StatusCallback", &self.status),
            ("StatusCallbackMethod", "POST"),
            ("SmsUrl", &self.sms),
            ("SmsMethod", "POST"),
        ]
    }
}

/// A number that a carrier offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub(crate) struct Offer {
    /// E.164.
    #[serde(rename(deserialize = "phone_number"))]
    pub number: String,
    /// City; empty while it is not known.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub locality: String,
    /// State; empty while it is not known.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub region: String,
    /// ZIP; empty while it is not known.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub postal_code: String,
}

fn null_is_empty<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<String, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

#[derive(Deserialize)]
struct Offers {
    available_phone_numbers: Vec<Offer>,
}

/// A number that the account has.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Owned {
    pub sid: String,
    #[serde(default, deserialize_with = "null_is_empty")]
    pub voice_url: String,
    #[serde(default, deserialize_with = "null_is_empty")]
    pub sms_url: String,
    #[serde(default, deserialize_with = "null_is_empty")]
    pub status_callback: String,
}

impl Owned {
    /// Whether its webhooks come here.
    pub(crate) fn has(&self, hooks: &Hooks) -> bool {
        (&self.voice_url, &self.sms_url, &self.status_callback)
            == (&hooks.voice, &hooks.sms, &hooks.status)
    }
}

#[derive(Deserialize)]
struct OwnedNumbers {
    incoming_phone_numbers: Vec<Owned>,
}

type Asked<T> = std::result::Result<T, CarrierFault>;

impl Carriers {
    pub(crate) fn new(
        ctx: &ManagerContext,
        sealer: Arc<Sealer>,
    ) -> std::result::Result<Self, StartError> {
        Ok(Self {
            http: ctx.http()?,
            sealer,
            config: ctx.config.clone(),
        })
    }

    /// Where the webhooks of this installation are.
    ///
    /// # Errors
    /// 409 where nobody said how callers reach it.
    pub(crate) fn hooks(&self) -> Result<Hooks> {
        let public = self.config.get(&settings::PUBLIC_URL);
        let public = public.trim_end_matches('/');
        if public.is_empty() {
            return Err(Error::failed_precondition(
                "PUBLIC_URL_MISSING",
                "No carrier can reach this installation yet: the operator has to set PUBLIC_URL.",
            ));
        }
        let at = |what: &str| format!("{public}/v1/webhooks/twilio/{what}");
        Ok(Hooks {
            voice: at("voice"),
            status: at("status"),
            sms: at("sms"),
        })
    }

    fn account(&self, provider: &Provider) -> Asked<CarrierAccount> {
        let opened = self.sealer.open(&provider.secret, &provider.secret_place());
        let secret = opened.map_err(|fault| CarrierFault::Away(fault.into()))?;
        Ok(CarrierAccount::new(
            &self.config,
            &provider.account_id,
            secret,
        ))
    }

    /// Numbers for sale.
    pub(crate) async fn search(
        &self,
        provider: &Provider,
        area_code: &str,
        contains: &str,
    ) -> Asked<Vec<Offer>> {
        let mut query = vec![
            ("PageSize", OFFERS_MAX),
            ("SmsEnabled", "true"),
            ("VoiceEnabled", "true"),
        ];
        if !area_code.is_empty() {
            query.push(("AreaCode", area_code));
        }
        if !contains.is_empty() {
            query.push(("Contains", contains));
        }
        let path = format!("AvailablePhoneNumbers/US/Local.json?{}", pairs(&query));
        let request = self.account(provider)?.request(Method::GET, &path)?;
        let offers: Offers = self.ask(request).await?;
        Ok(offers.available_phone_numbers)
    }

    /// The number, where the account has it.
    pub(crate) async fn owned(&self, provider: &Provider, number: &str) -> Asked<Option<Owned>> {
        let query = pairs(&[("PhoneNumber", number)]);
        let path = format!("IncomingPhoneNumbers.json?{query}");
        let request = self.account(provider)?.request(Method::GET, &path)?;
        let owned: OwnedNumbers = self.ask(request).await?;
        Ok(owned.incoming_phone_numbers.into_iter().next())
    }

    /// Buys a number, or only sets it up where the account has it: what an earlier try bought is not bought again.
    pub(crate) async fn buy(
        &self,
        provider: &Provider,
        row: &PhoneNumber,
        hooks: &Hooks,
    ) -> Asked<Owned> {
        let account = self.account(provider)?;
        let mut fields = hooks.fields().to_vec();
        let path = match self.owned(provider, &row.number).await? {
            Some(owned) => format!("IncomingPhoneNumbers/{}.json", segment(&owned.sid)),
            None => {
                fields.push(("PhoneNumber", &row.number));
                "IncomingPhoneNumbers.json".to_owned()
            }
        };
        let request = account.request(Method::POST, &path)?;
        let owned: Owned = self.ask(with_form(request, &fields)).await?;
        if !row.messaging_service_id.is_empty() {
            self.join(provider, &row.messaging_service_id, &owned.sid)
                .await?;
        }
        Ok(owned)
    }

    /// From now on a number is one of a messaging service.
    pub(crate) async fn join(
        &self,
        provider: &Provider,
        service: &str,
        number_sid: &str,
    ) -> Asked<()> {
        let path = format!("Services/{}/PhoneNumbers", segment(service));
        let request = self.account(provider)?.messaging(Method::POST, &path)?;
        let fields = [("PhoneNumberSid", number_sid)];
        match self.done(with_form(request, &fields)).await {
            Err(CarrierFault::Refused(no)) if no.code == IN_SERVICE_ALREADY => Ok(()),
            other => other,
        }
    }

    /// Gives a number back; one that the account does not have is given back already.
    pub(crate) async fn release(&self, provider: &Provider, number: &str) -> Asked<()> {
        let Some(owned) = self.owned(provider, number).await? else {
            return Ok(());
        };
        let path = format!("IncomingPhoneNumbers/{}.json", segment(&owned.sid));
        let request = self.account(provider)?.request(Method::DELETE, &path)?;
        match self.done(request).await {
            Err(CarrierFault::Refused(no)) if no.status == 404 => Ok(()),
            other => other,
        }
    }

    async fn ask<T: serde::de::DeserializeOwned>(&self, request: HttpRequest) -> Asked<T> {
        let answer = self.send(request).await?;
        match refusal(&answer) {
            None => answer.json().map_err(|fault| self.away(fault)),
            Some(no) => Err(fault(no)),
        }
    }

    async fn done(&self, request: HttpRequest) -> Asked<()> {
        let answer = self.send(request).await?;
        refusal(&answer).map_or(Ok(()), |no| Err(fault(no)))
    }

    async fn send(&self, request: HttpRequest) -> Asked<HttpResponse> {
        let sent = self.http.send(&request.within(WITHIN)).await;
        sent.map_err(|fault| self.away(fault))
    }

    fn away(&self, fault: HttpFault) -> CarrierFault {
        CarrierFault::Away(unasked(&self.config, fault))
    }
}

fn fault(refusal: CarrierRefusal) -> CarrierFault {
    if refusal.is_passing() {
        let status = refusal.status.to_string();
        CarrierFault::Away(Error::unavailable("provider", status))
    } else {
        CarrierFault::Refused(refusal)
    }
}
