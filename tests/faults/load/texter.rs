//! People who call in vain, and people who want no texts.

use std::time::Duration;

use provider_stand_in::{Answer, Call};

use super::{
    Kind,
    asker::Asker,
    book::{Greeting, Missed},
};
use crate::texts::Texts;

/// Of so many people one opts out before calling.
const OPTED_OUT: u64 = 4;
/// Of so many people one writes, too.
const WRITES: u64 = 3;
/// Between two people: each missed call makes a dozen rows, and rows of faults without patience measure the daemons.
const PAUSE: Duration = Duration::from_millis(500);

/// Whoever calls and writes.
pub struct Texter {
    calls: Asker,
    chat: Asker,
    texts: Texts,
    number: u64,
}

impl Texter {
    pub fn new(calls: Asker, chat: Asker, texts: &Texts, number: u64) -> Self {
        Self {
            calls,
            chat,
            texts: texts.clone(),
            number,
        }
    }

    pub async fn work(self) {
        let mut at = 0;
        while self.calls.goes_on().await {
            let person = format!("+1212{:07}", 2_000_000 + self.number * 100_000 + at);
            if self.one(&person, at).await.is_none() {
                return;
            }
            tokio::time::sleep(PAUSE).await;
            at += 1;
        }
    }

    /// Everything is told again until it was taken, as a carrier does.
    async fn one(&self, person: &str, at: u64) -> Option<()> {
        if at % OPTED_OUT == 1 {
            self.write(person, "STOP").await?;
            self.calls.book().opted_out.push(person.to_owned());
        }
        let call = self.miss(person).await?;
        let writes = at.is_multiple_of(WRITES);
        // Whoever writes before the missed call is worked on needs no greeting, and may have one.
        let greeting = match (at % OPTED_OUT == 1, writes) {
            (true, _) => Greeting::Forbidden,
            (false, true) => Greeting::Possible,
            (false, false) => Greeting::Owed,
        };
        self.calls.book().missed.push(Missed { call, greeting });
        if writes {
            let sid = self.write(person, "My sink is clogged").await?;
            self.calls.book().written.push(sid);
        }
        Some(())
    }

    /// Calls, and nobody answers; the call's id.
    async fn miss(&self, person: &str) -> Option<String> {
        let (carrier, number) = (&self.texts.carrier, &self.texts.number);
        let hook = carrier
            .voice_hook(person, number)
            .expect("a number that is owned");
        let request = self.texts.request(&hook);
        let told = self.calls.insist(Kind::Ring, &request).await?;
        let sid = hook.fields.iter().find(|(name, _)| *name == "CallSid");
        let call = Call {
            sid: sid.expect("a call's id").1.clone(),
            from: person.to_owned(),
            to: number.clone(),
            answer: Answer {
                status: 200,
                body: told["twiml"].as_str().unwrap_or_default().to_owned(),
            },
        };
        let hook = carrier
            .dialled_hook(&call, "no-answer")
            .expect("a call that is put through");
        let id = hook.url.split_once("call_id=").expect("a call's id").1;
        let id = id.to_owned();
        let request = self.texts.request(&hook);
        self.calls.insist(Kind::Ring, &request).await?;
        Some(id)
    }

    /// Writes; the text's id.
    async fn write(&self, person: &str, words: &str) -> Option<String> {
        let hook = self
            .texts
            .carrier
            .text_hook(person, &self.texts.number, words)
            .expect("a number that is owned");
        let request = self.texts.request(&hook);
        self.chat.insist(Kind::Text, &request).await?;
        let sid = hook.fields.iter().find(|(name, _)| *name == "MessageSid");
        sid.map(|(_, sid)| sid.clone())
    }
}
