//! What the simulation of `tests/privacy` plays is what a strict pool does: both are held against one file.

use super::*;
use crate::client::MOST_PASSES;
use crate::passes::matchers_file;

fn number(value: &serde_json::Value) -> u64 {
    value.as_u64().expect("it is a number")
}

#[test]
fn the_common_hour_is_that_of_the_file() {
    let Some(file) = matchers_file() else { return };
    let day = TUESDAY / DAY;
    let it = CommonHour::after(TUESDAY);
    assert_eq!(
        it.begins() - TUESDAY,
        number(&file["common_hour"]["begins"]) * SECOND
    );
    assert_eq!(
        it.ends() - TUESDAY,
        number(&file["common_hour"]["ends"]) * SECOND
    );
    assert!(it.is_of_the_week());
    assert_eq!(day % 7, number(&file["of_the_week"]));
    assert_eq!(u64::from(MOST_PASSES), number(&file["largest_pool"]));
    assert_eq!(u64::from(POOL), number(&file["pool"]));
}

#[tokio::test(start_paused = true)]
async fn a_week_goes_as_the_matcher_plays_it() {
    let Some(file) = matchers_file() else { return };
    let shop = Shop::at(TUESDAY);
    let worker = shop.worker();
    want(&worker).await;
    for step in file["played"].as_array().expect("a list") {
        let hour = CommonHour::after(TUESDAY + number(&step["day"]) * DAY);
        shop.set(hour.begins());
        let used = u32::try_from(number(&step["used_before"])).expect("a few");
        take(&worker, used).await;
        let before = shop.signed();
        shop.look(from_ref(&worker), hour.begins(), hour.ends())
            .await;
        shop.set(hour.ends() + 1);
        assert_eq!(
            u64::from(shop.signed() - before),
            number(&step["bought"]),
            "{step}"
        );
        let keys = worker.ports.vault.scan("pass/", None, 999).await;
        let keys = keys.expect("the store works");
        // Those of the week before are there, and nobody uses them.
        let used = |key: &&String| {
            (0..=number(&step["day"])).rev().any(|day| {
                let of = CommonHour::after(TUESDAY + day * DAY);
                of.is_used_at(hour.ends() + 1) && key.contains(&format!("/{}-", of.name()))
            })
        };
        let keys: Vec<_> = keys.iter().filter(used).collect();
        let mut all = 0;
        for (day, left) in step["left"].as_object().expect("by day") {
            let day = day.parse::<u64>().expect("a day");
            let of = CommonHour::after(TUESDAY + day * DAY).name();
            let there = keys
                .iter()
                .filter(|key| key.contains(&format!("/{of}-")))
                .count();
            assert_eq!(there as u64, number(left), "{step}");
            all += there;
        }
        assert_eq!(keys.len(), all, "{step}");
        assert_eq!(count(&worker).await as usize, all, "{step}");
    }
}
