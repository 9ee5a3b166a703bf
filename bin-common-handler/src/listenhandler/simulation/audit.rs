//! What must hold once everybody is answered.

use super::{
    DAY, MINUTE, NAMES, OPERATIONS, TICK,
    world::{Known, Message, World},
};

impl World<'_> {
    pub(super) fn audit(&self) {
        let mut made = 0;
        for (number, operation) in self.operations.iter().enumerate() {
            let effects = self.count(&format!("t_things WHERE operation = {number}"));
            made += effects;
            assert!(effects <= 1, "operation {number} had {effects} effects");
            if operation.is_late {
                assert_eq!(effects, 0, "a late request had an effect");
                continue;
            }
            let first = operation.replies.first().expect("it was answered");
            for reply in &operation.replies {
                assert_eq!(
                    (reply.status_code, reply.body()),
                    (first.status_code, first.body()),
                    "operation {number} was answered differently"
                );
            }
            let is_made = first.status_code == 200;
            assert_eq!(i64::from(is_made), effects, "operation {number}: {first:?}");
        }
        assert_eq!(self.count("t_outbox"), made, "one event for each effect");
        for name in 0..NAMES {
            assert!(self.count(&format!("t_things WHERE name = 'name {name}'")) <= 1);
        }
    }

    /// Keys are not to be used twice, and what only looks the same is another operation.
    pub(super) fn audit_keys(&mut self) {
        let in_time: Vec<usize> = (0..self.operations.len())
            .filter(|number| !self.operations[*number].is_late)
            .collect();
        let before = self.count("t_things");
        for number in in_time {
            let message = Message {
                operation: number,
                redelivered: false,
            };
            if self.operations[number].known == Known::Way {
                std::thread::sleep(TICK);
                let reply = self.ask(message, number);
                assert!(reply.body().contains("NAME_TAKEN"), "{}", reply.body());
                let again = Message {
                    redelivered: true,
                    ..message
                };
                assert_eq!(self.ask(again, number).body(), reply.body());
            } else {
                let other = (number + 1) % OPERATIONS;
                let reply = self.ask(message, other);
                assert!(
                    reply.body().contains("IDEMPOTENCY_KEY_REUSED"),
                    "{}",
                    reply.body()
                );
            }
        }
        assert_eq!(self.count("t_things"), before);
    }

    pub(super) fn audit_forgetting(&self) {
        self.age(DAY + MINUTE);
        self.sweep();
        assert_eq!(self.count("t_inbox"), 0, "keys are forgotten in time");
    }
}
