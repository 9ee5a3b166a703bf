//! Texts of one person, each sent when the one before was answered: the ledger and the conversation follow their order,
//! whatever the jobs are about.

use bin_common_handler::{
    models::sock::Method::Get,
    testing::{Kind, until},
};
use futures_util::future::join_all;
use rstest::rstest;
use serde_json::{Value as Json, json};

use super::{
    siblings::NUMBER,
    world::{World, id, text},
};

/// Persons who write at the same time.
const PERSONS: usize = 12;

fn person(nth: usize) -> String {
    format!("+1415555{:04}", 2_000 + nth)
}

/// They all write these texts, one after another.
async fn write(world: &World, texts: &[&str]) {
    let one = async |nth: usize| {
        let person = person(nth);
        for text in texts {
            assert_eq!(world.text(&person, NUMBER, text).await, 200);
        }
    };
    join_all((0..PERSONS).map(one)).await;
}

async fn is_out(world: &World, person: &str) -> bool {
    let uri = format!("/v1/optouts/lookup?number=%2B{}", &person[1..]);
    world.client.ok(Get, &uri, None).await["opted_out"] == json!(true)
}

/// What a person said, once it is so much.
async fn said(world: &World, person: &str, count: usize) -> (Json, Vec<String>) {
    until("all of it is in the conversation", async || {
        let uri = format!("/v1/conversations?person=%2B{}", &person[1..]);
        let found = world.client.ok(Get, &uri, None).await;
        let conversation = found.as_array()?.first()?.clone();
        let uri = format!("/v1/conversations/{}/messages", id(&conversation));
        let listed = world.client.ok(Get, &uri, None).await;
        let said = listed.as_array()?.iter();
        let said = said.filter(|it| text(it, "sender") == "customer");
        let said: Vec<_> = said.map(|it| text(it, "body").to_owned()).collect();
        if said.len() != count {
            return None;
        }
        // As it is with all of it: it was found before.
        let uri = format!("/v1/conversations/{}", id(&conversation));
        Some((world.client.ok(Get, &uri, None).await, said))
    })
    .await
}

#[rstest]
#[case::out(&["START", "STOP"], true)]
#[case::in_again(&["STOP", "START"], false)]
#[case::in_other_words(&["STOP", "UNSTOP", "please stop texting me"], true)]
#[tokio::test(flavor = "multi_thread")]
async fn the_last_wish_holds(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
    #[case] texts: &[&str],
    #[case] expected: bool,
) {
    let world = World::replicated(kind).await;
    write(&world, texts).await;
    // Before the jobs, and after them.
    for nth in 0..PERSONS {
        assert_eq!(is_out(&world, &person(nth)).await, expected, "{nth}");
    }
    for nth in 0..PERSONS {
        let person = person(nth);
        let (conversation, said) = said(&world, &person, texts.len()).await;
        assert_eq!(said, texts);
        assert_eq!(is_out(&world, &person).await, expected, "{nth}");
        let status = if expected { "blocked" } else { "open" };
        assert_eq!(text(&conversation, "status"), status, "{nth}");
    }
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_has_the_order_in_which_it_was_written(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let world = World::replicated(kind).await;
    let texts = ["one", "two", "three", "four", "five", "six"];
    write(&world, &texts).await;
    for nth in 0..PERSONS {
        let (_, said) = said(&world, &person(nth), texts.len()).await;
        assert_eq!(said, texts, "{nth}");
    }
    world.end().await;
}
