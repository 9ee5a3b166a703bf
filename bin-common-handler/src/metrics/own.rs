//! Figures that a manager has of its own: made at their first use, under its name.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use prometheus::{
    HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry, core::Collector,
};

use super::{BUCKETS_S, ManagerMetrics};

/// The figures of one manager.
#[derive(Clone)]
pub(super) struct Own {
    registry: Registry,
    prefix: String,
    registered: Arc<Mutex<HashMap<String, Figure>>>,
}

#[derive(Clone)]
enum Figure {
    Counter(IntCounterVec),
    Gauge(IntGaugeVec),
    Histogram(HistogramVec),
}

impl Own {
    pub(super) fn new(registry: Registry, prefix: String) -> Self {
        Self {
            registry,
            prefix,
            registered: Arc::default(),
        }
    }

    /// The figure of this name, made at its first use.
    fn figure<T>(
        &self,
        name: &str,
        make: impl FnOnce(Opts) -> prometheus::Result<(Box<dyn Collector>, Figure)>,
        is_it: impl FnOnce(Figure) -> Option<T>,
        help: &str,
    ) -> prometheus::Result<T> {
        let mut registered = self
            .registered
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let figure = match registered.get(name) {
            Some(figure) => figure.clone(),
            None => {
                let options = Opts::new(format!("{}_{name}", self.prefix), help);
                let (collector, figure) = make(options)?;
                self.registry.register(collector)?;
                registered.insert(name.to_owned(), figure.clone());
                figure
            }
        };
        is_it(figure).ok_or_else(|| {
            prometheus::Error::Msg(format!("{name} is a figure of another kind already"))
        })
    }
}

impl ManagerMetrics {
    /// A counter `<manager>_manager_<name>` of the manager's own; the same one when it is asked for again.
    ///
    /// # Errors
    /// When the name is that of another kind of figure, or none.
    pub fn counter(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> prometheus::Result<IntCounterVec> {
        let make = |options| {
            let counter = IntCounterVec::new(options, labels)?;
            let collector: Box<dyn Collector> = Box::new(counter.clone());
            Ok((collector, Figure::Counter(counter)))
        };
        let is_it = |figure| match figure {
            Figure::Counter(counter) => Some(counter),
            _ => None,
        };
        self.own.figure(name, make, is_it, help)
    }

    /// As [`Self::counter`], for what goes up and down.
    ///
    /// # Errors
    /// As [`Self::counter`].
    pub fn gauge(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> prometheus::Result<IntGaugeVec> {
        let make = |options| {
            let gauge = IntGaugeVec::new(options, labels)?;
            let collector: Box<dyn Collector> = Box::new(gauge.clone());
            Ok((collector, Figure::Gauge(gauge)))
        };
        let is_it = |figure| match figure {
            Figure::Gauge(gauge) => Some(gauge),
            _ => None,
        };
        self.own.figure(name, make, is_it, help)
    }

    /// As [`Self::counter`], for times in seconds, from half a millisecond to five seconds.
    ///
    /// # Errors
    /// As [`Self::counter`].
    pub fn histogram(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> prometheus::Result<HistogramVec> {
        let make = |options| {
            let options = HistogramOpts::from(options).buckets(BUCKETS_S.to_vec());
            let histogram = HistogramVec::new(options, labels)?;
            let collector: Box<dyn Collector> = Box::new(histogram.clone());
            Ok((collector, Figure::Histogram(histogram)))
        };
        let is_it = |figure| match figure {
            Figure::Histogram(histogram) => Some(histogram),
            _ => None,
        };
        self.own.figure(name, make, is_it, help)
    }
}

#[cfg(test)]
mod tests {
    use crate::metrics::Metrics;

    #[test]
    fn a_managers_own_figures_have_its_name_and_are_made_once() {
        let metrics = Metrics::new().unwrap();
        let own = metrics.for_manager("did-manager").unwrap();
        for _ in 0..2 {
            let calls = own.counter("calls_total", "Calls.", &["kind"]).unwrap();
            calls.with_label_values(&["a"]).inc();
            own.gauge("calls", "Now.", &[])
                .unwrap()
                .with_label_values::<&str>(&[])
                .inc();
            let seconds = own.histogram("call_seconds", "Times.", &[]).unwrap();
            seconds.with_label_values::<&str>(&[]).observe(0.1);
        }
        assert!(own.gauge("calls_total", "Calls.", &["kind"]).is_err());
        assert!(own.counter("no name", "Calls.", &[]).is_err());
        let text = String::from_utf8(metrics.encode().unwrap()).unwrap();
        for line in [
            r#"did_manager_calls_total{kind="a"} 2"#,
            "did_manager_calls 2",
            "did_manager_call_seconds_count 2",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
        let other = metrics.for_manager("outdial-manager").unwrap();
        assert!(other.counter("calls_total", "Calls.", &["kind"]).is_ok());
    }
}
