//! lab2
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, missing_docs)]
use wayfarer_actor_proposer::{FetchedPage, page};
use wayfarer_core::prompt::PageText;
use wayfarer_core::prompt::propose::*;
use wayfarer_standin::propose::*;
use std::collections::HashSet;
use rand::SeedableRng;
async fn fetch(url: &url::Url) -> FetchedPage {
    let c = reqwest::Client::builder().no_proxy().build().unwrap();
    let host = url.host_str().unwrap();
    let mut to = url.clone(); to.set_host(Some("127.0.0.1")).unwrap(); to.set_port(Some(8871)).unwrap();
    let r = c.get(to).header("host", host).send().await.unwrap();
    FetchedPage { final_url: url.clone(), status: r.status().as_u16(), content_type: "text/html".into(), html: r.text().await.unwrap() }
}
#[tokio::main]
async fn main() {
    for start in ["http://shop.localhost/", "http://tables.localhost/", "http://docs.localhost/", "http://docs.localhost/library/index.html", "http://shop.localhost/category/jackets", "http://docs.localhost/library/json.html", "http://shop.localhost/product/alder-rain-shell"] {
        let url: url::Url = start.parse().unwrap();
        let page = page::read(&fetch(&url).await, page::START_TEXT);
        let mut rng = rand::rngs::StdRng::seed_from_u64(3);
        let mut linked: Vec<PageText> = vec![];
        let mut links = page.links.clone();
        let mut met: HashSet<url::Url> = [url.clone()].into();
        for n in [3, 6] { for l in page::promising(&links, &met, n - linked.len(), &mut rng) { met.insert(l.clone()); let p = page::read(&fetch(&l).await, page::LINKED_TEXT); links.extend(p.links); linked.push(p.text); } }
        let c = classify::classify(&Classify { page: page.text.clone(), offers: page.offers.clone(), hint: None });
        println!("=== {start} {:?} {} {} | {:?}", c.category, c.language, c.interactiveness, linked.iter().map(|p| p.url.clone()).collect::<Vec<_>>());
        if std::env::var("TEXT").is_ok() { println!("{}", linked.iter().map(|p| p.text.clone()).collect::<Vec<_>>().join("\n-----\n")); }
        let mut avoid = vec![];
        for round in 0..2 {
            let p = intents::propose(&ProposeIntents { page: page.text.clone(), offers: page.offers.clone(), linked_pages: linked.clone(), category: c.category, count: 6, today: "2026-11-21".into(), avoid: avoid.clone() });
            for t in p.tasks {
                let r = refine::refine(&RefineIntent { intent: t.intent.clone(), page: page.text.clone(), linked_pages: linked.clone(), round: 1, today: "2026-11-21".into() });
                println!("  {round} {} [{:?} {:?}] ok={}", t.intent, t.critical_point, t.valid_until, r.achievable.answer && r.specific.answer && r.useful.answer && r.verifiable.answer && r.login_free.answer && !r.harmful.answer && !r.personal_data.answer);
                let tmpl = template::make(&MakeTemplate { intent: t.intent.clone(), category: c.category });
                let mut pages = vec![page.text.clone()]; pages.extend(linked.clone());
                let f = template::refill(&RefillTemplate { template: tmpl.clone(), pages, offers: page.offers.clone(), count: 2, today: "2026-11-21".into(), avoid: avoid.clone() });
                println!("      {} -> {:?}", tmpl.template, f.fillings.iter().map(|f| f.values.iter().map(|s| s.value.clone()).collect::<Vec<_>>()).collect::<Vec<_>>());
                avoid.push(t.intent);
            }
        }
    }
}
