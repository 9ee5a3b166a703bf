//! The carrier's own buttons, for tests in another process: `/control/…`, JSON in and out.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use http::{Method, StatusCode};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value as Json, json};

use crate::{
    server::{Asked, Told},
    state::{Account, Delivery, Fault, Hooks, Route, Shared, Step},
};

/// What its paths start with.
pub(crate) const PATH: &str = "/control/";

#[derive(Deserialize)]
struct WantedFault {
    route: Route,
    fault: Fault,
    #[serde(default = "once")]
    times: usize,
}

const fn once() -> usize {
    1
}

/// Faults that wait at most.
const FAULTS_MAX: usize = 10_000;

#[derive(Deserialize)]
struct WantedLatency {
    ms: u64,
}

#[derive(Deserialize)]
struct WantedDelivery {
    statuses: Vec<String>,
    #[serde(default)]
    pause_ms: u64,
    error_code: Option<u32>,
    #[serde(default = "once")]
    times: usize,
}

#[derive(Deserialize)]
struct WantedNumber {
    number: String,
    #[serde(flatten)]
    hooks: Hooks,
}

#[derive(Deserialize)]
struct WantedWay {
    public: String,
    to: SocketAddr,
}

/// Does what a test in another process wants.
pub(crate) fn answer(asked: &Asked, shared: &Arc<Shared>) -> Told {
    let path = asked.path.strip_prefix(PATH).unwrap_or_default();
    match (&asked.method, path) {
        (&Method::GET, "messages") => Told::ok(shared.read(|state| json!(state.messages))),
        (&Method::GET, "numbers") => {
            Told::ok(shared.read(|state| json!(state.numbers.values().collect::<Vec<_>>())))
        }
        (&Method::POST, "faults") => wanted(asked, |wanted: WantedFault| {
            let WantedFault {
                route,
                fault,
                times,
            } = wanted;
            shared.change(|state| {
                let room = FAULTS_MAX.saturating_sub(state.faults.len());
                let steps = std::iter::repeat_n(Step { route, fault }, times.min(room));
                state.faults.extend(steps);
            });
        }),
        (&Method::DELETE, "faults") => {
            shared.change(|state| state.faults.clear());
            Told::ok(Json::Null)
        }
        (&Method::POST, "latency") => wanted(asked, |wanted: WantedLatency| {
            shared.change(|state| state.latency = Duration::from_millis(wanted.ms));
        }),
        (&Method::POST, "delivery") => wanted(asked, |wanted: WantedDelivery| {
            let delivery = Delivery {
                statuses: wanted.statuses,
                pause: Duration::from_millis(wanted.pause_ms),
                error_code: wanted.error_code,
                times: wanted.times,
            };
            shared.change(|state| state.delivery = delivery);
        }),
        (&Method::POST, "numbers") => wanted(asked, |wanted: WantedNumber| {
            let sid = Account::default().sid;
            shared.change(|state| state.own(&sid, &wanted.number, wanted.hooks));
        }),
        (&Method::POST, "ways") => wanted(asked, |wanted: WantedWay| {
            shared.change(|state| state.ways.push((wanted.public, wanted.to)));
        }),
        _ => Told::unknown(),
    }
}

fn wanted<T: DeserializeOwned>(asked: &Asked, work: impl FnOnce(T)) -> Told {
    match serde_json::from_slice(&asked.body) {
        Ok(wanted) => {
            work(wanted);
            Told::ok(Json::Null)
        }
        Err(fault) => Told::refused(StatusCode::BAD_REQUEST, 20001, &fault.to_string()),
    }
}
