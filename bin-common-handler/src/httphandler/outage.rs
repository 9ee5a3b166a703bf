//! Hosts of the operator's own choice that cannot be asked: the log tells of each outage once, and of its end.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tracing::{info, warn};

use super::HttpFault;
use crate::loglimit::LogLimit;

/// Between two warnings about one setting, however often its host comes and goes.
const WARN_EVERY: Duration = Duration::from_secs(60);

/// What is away, by the name of the setting; there are as many as the program has such settings.
#[derive(Debug, Default)]
pub(super) struct Outages(Mutex<BTreeMap<&'static str, Outage>>);

#[derive(Debug)]
struct Outage {
    is_told: bool,
    log: LogLimit,
}

impl Outages {
    /// A request to `host`, which `setting` names, ended like this.
    pub(super) fn note(&self, setting: &'static str, host: &str, fault: Option<HttpFault>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let outage = all.entry(setting).or_insert_with(|| Outage {
            is_told: false,
            log: LogLimit::new(WARN_EVERY),
        });
        match fault {
            None if outage.is_told => {
                outage.is_told = false;
                info!(host, setting, "the provider can be asked again");
            }
            Some(fault) if is_away(fault) && !outage.is_told && outage.log.admit() => {
                outage.is_told = true;
                let fault = fault.as_str();
                warn!(host, setting, fault, "the provider cannot be asked");
            }
            _ => {}
        }
    }
}

/// Whether the fault is the host's or its address's, and not that of one request or of too many of them.
const fn is_away(fault: HttpFault) -> bool {
    match fault {
        HttpFault::BadUrl
        | HttpFault::NotSecure
        | HttpFault::NotPublic
        | HttpFault::BreakerOpen
        | HttpFault::Late
        | HttpFault::Unreachable
        | HttpFault::NoConnection => true,
        HttpFault::BadHeader | HttpFault::BadBody | HttpFault::TooMany | HttpFault::TooLarge => {
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::testing::Log;

    const AWAY: Option<HttpFault> = Some(HttpFault::NoConnection);

    #[tokio::test(start_paused = true)]
    async fn an_outage_is_told_once_and_so_is_its_end() {
        let (log, outages) = (Log::listen(), Outages::default());
        let note = |fault| outages.note("TWILIO_BASE_URL", "carrier.test", fault);
        let told = || {
            let of = |words| log.lines(words).len();
            (of("cannot be asked"), of("can be asked again"))
        };
        for fault in [None, AWAY, Some(HttpFault::BreakerOpen), AWAY] {
            note(fault);
        }
        assert_eq!(told(), (1, 0));
        let line = log.lines("cannot be asked").concat();
        assert!(line.contains("carrier.test") && line.contains("TWILIO_BASE_URL"));

        note(None);
        note(None);
        assert_eq!(told(), (1, 1));
        // A host that comes and goes fills no log.
        note(AWAY);
        note(None);
        assert_eq!(told(), (1, 1));
        tokio::time::advance(WARN_EVERY).await;
        note(AWAY);
        assert_eq!(told(), (2, 1));
    }

    #[rstest]
    #[case(HttpFault::TooMany)]
    #[case(HttpFault::BadHeader)]
    #[case(HttpFault::TooLarge)]
    #[case(HttpFault::BadBody)]
    fn what_is_wrong_with_one_request_is_no_outage(#[case] fault: HttpFault) {
        let (log, outages) = (Log::listen(), Outages::default());
        outages.note("TWILIO_BASE_URL", "carrier.test", Some(fault));
        assert!(log.lines("cannot be asked").is_empty());
    }
}
