//! What only a broker can be told, and only it tells: `rabbitmqctl` without its two seconds.

use std::{io::Write, process::Stdio};

use super::{
    nodes::Lab,
    servers::{COOKIE, erlang_name},
};

/// The account of the daemons; tests have the broker's own.
pub(super) const ACCOUNT: &str = "tandem";

impl Lab {
    /// Runs Erlang expressions inside the broker; what the last one comes to.
    fn erlang(&self, expressions: &str) -> String {
        let mut call = self
            .broker
            .program("erl_call")
            .args(["-sname", &erlang_name(&self.broker), "-c", COOKIE, "-e"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("erl_call comes with Erlang");
        let mut stdin = call.stdin.take().expect("a pipe");
        stdin
            .write_all(format!("{expressions}.\n").as_bytes())
            .expect("a pipe");
        drop(stdin);
        let out = call.wait_with_output().expect("erl_call ends");
        let answer = String::from_utf8_lossy(&out.stdout).into_owned();
        assert!(answer.contains("{ok, "), "{expressions}: {answer}");
        answer
    }

    /// `rabbitmqctl stop_app`.
    pub fn stop_broker_app(&self) {
        self.erlang("rabbit:stop()");
    }

    /// `rabbitmqctl start_app`.
    pub fn start_broker_app(&self) {
        self.erlang("rabbit:start()");
    }

    /// `rabbitmqctl close_all_connections`.
    pub fn cut_connections(&self) {
        self.erlang("[rabbit_networking:close_connection(P, \"cut\") || P <- rabbit_networking:connections()]");
    }

    /// `rabbitmqctl set_vm_memory_high_watermark absolute 1MiB`, and back.
    pub fn alarm(&self, on: bool) {
        let mark = if on { "{absolute, 1048576}" } else { "0.4" };
        self.erlang(&format!(
            "vm_memory_monitor:set_vm_memory_high_watermark({mark})"
        ));
    }

    /// `rabbitmqctl set_disk_free_limit` to more than any disk has, and back.
    pub fn disk_alarm(&self, on: bool) {
        let bytes: u64 = if on { 1 << 60 } else { 1 << 20 };
        self.erlang(&format!("rabbit_disk_monitor:set_disk_free_limit({bytes})"));
    }

    /// `rabbitmqctl add_user`, with every permission, unless it is there.
    pub fn add_broker_user(&self, name: &str, password: &str) {
        self.erlang(&format!(
            "rabbit_auth_backend_internal:exists(<<\"{name}\">>) orelse \
             rabbit_auth_backend_internal:add_user(<<\"{name}\">>, <<\"{password}\">>, <<\"test\">>)"
        ));
        self.permit_user(name, true);
    }

    /// The daemons' own account.
    pub(super) fn admit_daemons(&self) {
        self.add_broker_user(ACCOUNT, ACCOUNT);
    }

    /// `rabbitmqctl set_permissions` for the daemons, or `clear_permissions`.
    pub fn permit(&self, on: bool) {
        self.permit_user(ACCOUNT, on);
    }

    fn permit_user(&self, name: &str, on: bool) {
        let what = if on {
            ("set", ", <<\".*\">>, <<\".*\">>, <<\".*\">>")
        } else {
            ("clear", "")
        };
        let (verb, patterns) = what;
        self.erlang(&format!(
            "rabbit_auth_backend_internal:{verb}_permissions(<<\"{name}\">>, <<\"/\">>{patterns}, <<\"test\">>)"
        ));
    }

    /// Whether the sinks' queues refuse what is published to them: `rabbitmqctl set_policy`.
    pub fn refuse_events(&self, on: bool) {
        let overflow = "{<<\"overflow\">>, <<\"reject-publish\">>}";
        let set = |limits: &str| {
            self.erlang(&format!(
                "rabbit_policy:set(<<\"/\">>, <<\"full\">>, <<\"^sink-\">>, [{limits}], 0, <<\"queues\">>, <<\"test\">>)"
            ));
        };
        // A queue that has a length, and may not refuse, makes room: so it learns of its length last, and forgets it
        // first.
        set(overflow);
        if on {
            set(&format!("{overflow}, {{<<\"max-length\">>, 1}}"));
        } else {
            self.erlang("rabbit_policy:delete(<<\"/\">>, <<\"full\">>, <<\"test\">>)");
        }
    }

    /// The prefetch of each consumer of a queue: `rabbitmqctl list_consumers`.
    pub fn prefetches(&self, queue: &str) -> Vec<u32> {
        let answer = self.erlang(&format!(
            "{{ok, Q}} = rabbit_amqqueue:lookup(rabbit_misc:r(<<\"/\">>, queue, <<\"{queue}\">>)), \
             [{{prefetch, element(4, C)}} || C <- rabbit_amqqueue:consumers(Q)]"
        ));
        let figures = answer.split("{prefetch,").skip(1);
        figures
            .filter_map(|rest| rest.split('}').next()?.trim().parse().ok())
            .collect()
    }
}
