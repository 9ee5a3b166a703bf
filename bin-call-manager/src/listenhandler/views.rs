//! What accounts see of events: of a call the seller no price and no buyer, the buyer no payout, seller and rival; of an
//! auction nobody whose bid won; of a campaign the seller no price and no check.

use bin_common_handler::listenhandler::AccountView;

use crate::{
    auctionhandler, callcampaignhandler, callhandler,
    models::{
        auction::{Announced, Auction},
        call::Call,
        callcampaign::CallCampaign,
    },
    viewer::Viewer,
};

/// A call, for its seller and the buyer that has it.
pub(super) fn call(data: &str) -> Vec<AccountView> {
    let Ok(call) = serde_json::from_str::<Call>(data) else {
        return Vec::new();
    };
    let viewers = [
        Some((call.seller_id, Viewer::Seller(call.seller_id))),
        call.buyer_id.map(|id| (id, Viewer::Buyer(id))),
    ];
    let seen = |(id, viewer)| AccountView::new(id, &callhandler::view(call.clone(), viewer));
    viewers.into_iter().flatten().filter_map(seen).collect()
}

/// An auction, for its seller and those who bid in it.
pub(super) fn auction(data: &str) -> Vec<AccountView> {
    let Ok(auction) = serde_json::from_str::<Auction>(data) else {
        return Vec::new();
    };
    let bidders = serde_json::from_str::<Announced>(data).unwrap_or_default();
    let seller = auction.seller_id;
    let buyers = bidders.buyer_ids.into_iter();
    let viewers = std::iter::once((seller, Viewer::Seller(seller)))
        .chain(buyers.map(|id| (id, Viewer::Buyer(id))));
    let seen = |(id, viewer)| AccountView::new(id, &auctionhandler::view(auction.clone(), viewer));
    viewers.filter_map(seen).collect()
}

/// A campaign, for its seller.
pub(super) fn campaign(data: &str) -> Vec<AccountView> {
    let Ok(campaign) = serde_json::from_str::<CallCampaign>(data) else {
        return Vec::new();
    };
    let seller = campaign.seller_id;
    let seen = callcampaignhandler::view(&campaign, Viewer::Seller(seller));
    let view = seen.ok().and_then(|seen| AccountView::new(seller, &seen));
    view.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use bin_common_handler::ids;
    use serde_json::{Value, json};
    use sqlx::types::Json;
    use uuid::Uuid;

    use super::*;
    use crate::models::call::{Attempt, Outcome};

    fn seen(views: &[AccountView], id: Uuid) -> Value {
        let own = views.iter().find(|view| view.account_id == id).unwrap();
        serde_json::from_str(own.data.get()).unwrap()
    }

    #[test]
    fn each_account_sees_its_part_of_a_call() {
        let (seller, buyer, rival) = (ids::next(), ids::next(), ids::next());
        let call = Call {
            seller_id: seller,
            buyer_id: Some(buyer),
            bid_id: Some(ids::next()),
            price: Some(525),
            payout: Some(300),
            destination: "+14155550190".to_owned(),
            attempts: Json(vec![Attempt {
                buyer_id: rival,
                bid_id: ids::next(),
                outcome: Outcome::Busy,
                tm: bin_common_handler::models::time::Timestamp::default(),
            }]),
            ..Call::default()
        };
        let views = super::call(&serde_json::to_string(&call).unwrap());
        assert_eq!(views.len(), 2);
        let of_seller = seen(&views, seller);
        assert_eq!(
            (
                &of_seller["price"],
                &of_seller["buyer_id"],
                &of_seller["payout"]
            ),
            (&Value::Null, &Value::Null, &json!(300))
        );
        assert_eq!(of_seller["destination"], json!(""));
        let of_buyer = seen(&views, buyer);
        assert_eq!(
            (&of_buyer["destination"], &of_buyer["seller_id"]),
            (&json!("+14155550190"), &json!(Uuid::nil()))
        );
        assert_eq!(
            (&of_buyer["price"], &of_buyer["payout"]),
            (&json!(525), &Value::Null)
        );
        for view in &views {
            assert!(!view.data.get().contains(&rival.to_string()));
        }
        assert!(super::call("{}").is_empty() && super::call("x").is_empty());
    }

    #[test]
    fn a_campaign_names_its_seller_no_price_and_no_check() {
        let seller = ids::next();
        let campaign = CallCampaign {
            seller_id: seller,
            revenue: Some(777),
            payout: Some(300),
            ..CallCampaign::default()
        };
        let views = super::campaign(&serde_json::to_string(&campaign).unwrap());
        assert_eq!(views.len(), 1);
        let seen = seen(&views, seller);
        assert_eq!((&seen["revenue"], seen.get("fraud")), (&Value::Null, None));
        assert_eq!(seen["payout"], json!(300));
        assert!(super::campaign("{}").is_empty());
    }

    #[test]
    fn an_auction_names_no_winner_and_no_rival() {
        let (seller, one, other) = (ids::next(), ids::next(), ids::next());
        let auction = Auction {
            seller_id: seller,
            bid_id: Some(ids::next()),
            ..Auction::default()
        };
        let mut data = json!(auction);
        data["buyer_ids"] = json!([one, other]);
        let views = super::auction(&data.to_string());
        assert_eq!(views.len(), 3);
        for id in [seller, one, other] {
            let view = seen(&views, id);
            let knows_seller = view["seller_id"] == json!(seller);
            assert_eq!(knows_seller, id == seller);
            assert_eq!(
                (&view["bid_id"], view.get("buyer_ids")),
                (&Value::Null, None)
            );
        }
    }
}
