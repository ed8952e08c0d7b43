//! What a fetched page says and offers, and which of its neighbours are worth a look. No network here.

use crate::dates;
use crate::ports::FetchedPage;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use scraper::{ElementRef, Html, Node, Selector};
use std::collections::{BTreeMap, HashSet};
use time::{Date, Duration};
use url::Url;
use wayfarer_core::hash;
use wayfarer_core::prompt::PageText;
use wayfarer_core::prompt::propose::Offer;
use wayfarer_core::view::cut;

/// Characters of the start page's text.
pub const START_TEXT: usize = 6000;
/// Characters of a linked page's text.
pub const LINKED_TEXT: usize = 6000;
/// Offers of a page in a prompt.
pub const MAX_OFFERS: usize = 80;
/// Of those, fields, selects and buttons at most.
const MAX_CONTROLS: usize = 30;
const MAX_OPTIONS: usize = 30;
const MAX_NAME: usize = 120;
const MAX_LINKS: usize = 400;
/// Elements whose text nobody sees.
const UNSEEN: &[&str] = &["script", "style", "noscript", "template", "svg", "head", "iframe"];
/// Elements that begin a line of their own.
const BLOCKS: &[&str] = &[
    "p",
    "div",
    "section",
    "article",
    "header",
    "footer",
    "nav",
    "main",
    "aside",
    "ul",
    "ol",
    "li",
    "dl",
    "dt",
    "dd",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "table",
    "tr",
    "form",
    "fieldset",
    "br",
    "pre",
    "blockquote",
    "button",
    "select",
    "option",
];
/// Path words of pages on which no task begins.
const DULL: &[&str] = &[
    "login",
    "signin",
    "sign-in",
    "logout",
    "register",
    "signup",
    "account",
    "cart",
    "basket",
    "checkout",
    "privacy",
    "terms",
    "cookies",
    "imprint",
    "legal",
    "copyright",
    "bugs",
    "genindex",
    "search",
];

/// A page as the proposer reads it.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// Address, title and visible text.
    pub text: PageText,
    /// What can be clicked, filled or chosen.
    pub offers: Vec<Offer>,
    /// Same-site pages behind its links, in order, without fragments.
    pub links: Vec<Url>,
}

/// Reads a page; its text is cut to `bound` characters.
pub fn read(fetched: &FetchedPage, bound: usize) -> Page {
    let html = Html::parse_document(&fetched.html);
    let title = first(&html, "title").map(|title| squeeze(&title.text().collect::<String>())).unwrap_or_default();
    let mut text = String::new();
    if let Some(body) = first(&html, "body") {
        visible_text(body, &mut text);
    }
    let lines: Vec<String> = text.lines().map(squeeze).filter(|line| !line.is_empty()).collect();
    let base = first(&html, "base[href]")
        .and_then(|base| fetched.final_url.join(base.attr("href")?).ok())
        .unwrap_or_else(|| fetched.final_url.clone());
    let linked = links(&html, &base);
    let mut offers = controls(&html);
    let places = MAX_OFFERS - offers.len();
    offers.extend(linked.iter().filter(|(name, _)| !name.is_empty()).take(places).map(|(name, href)| Offer {
        kind: "link".into(),
        name: cut(name, MAX_NAME),
        href: href.to_string(),
        options: Vec::new(),
    }));
    let mut met = HashSet::new();
    let links = linked
        .into_iter()
        .filter(|(_, url)| url.origin() == fetched.final_url.origin() && *url != fetched.final_url)
        .filter(|(_, url)| met.insert(url.clone()))
        .map(|(_, url)| url)
        .chain(dated_forms(&html, &base))
        .collect();
    Page { text: PageText { url: fetched.final_url.to_string(), title, text: cut(&lines.join("\n"), bound) }, offers, links }
}

/// Up to `wanted` links that promise details, not in `met`: deep paths first, and of every kind of page (first path segment) one before
/// a second of any kind. Among equals the choice is the seed's.
pub fn promising(links: &[Url], met: &HashSet<Url>, wanted: usize, random: &mut StdRng) -> Vec<Url> {
    let mut kinds: BTreeMap<String, Vec<Url>> = BTreeMap::new();
    let mut once = HashSet::new();
    for link in links.iter().filter(|link| !met.contains(*link) && !is_dull(link)) {
        if once.insert(link.clone()) {
            kinds.entry(kind_of(link)).or_default().push(link.clone());
        }
    }
    let mut piles: Vec<Vec<Url>> = kinds.into_values().collect();
    for pile in &mut piles {
        pile.shuffle(random);
        pile.sort_by_key(depth); // the deepest last, where it is taken from
    }
    piles.shuffle(random);
    piles.sort_by_key(|pile| std::cmp::Reverse(pile.last().map_or(0, depth)));
    let mut chosen = Vec::new();
    while chosen.len() < wanted && piles.iter().any(|pile| !pile.is_empty()) {
        for pile in &mut piles {
            if chosen.len() < wanted {
                chosen.extend(pile.pop());
            }
        }
    }
    chosen
}

fn depth(url: &Url) -> usize {
    url.path_segments().map_or(0, |segments| segments.filter(|segment| !segment.is_empty()).count()) * 2
        + usize::from(url.query().is_some())
}

fn kind_of(url: &Url) -> String {
    url.path_segments().and_then(|mut segments| segments.next()).unwrap_or_default().to_owned()
}

fn is_dull(url: &Url) -> bool {
    let path = url.path().to_ascii_lowercase();
    let named = path.split(['/', '.']).any(|word| DULL.contains(&word));
    let last = path.rsplit('/').next().unwrap_or_default();
    let no_page =
        last.rsplit_once('.').is_some_and(|(_, end)| !matches!(end, "html" | "htm" | "php" | "asp" | "aspx" | "jsp") && end.len() <= 4);
    depth(url) == 0 || named || no_page
}

fn first<'a>(html: &'a Html, selector: &str) -> Option<ElementRef<'a>> {
    let selector = Selector::parse(selector).ok()?;
    html.select(&selector).next()
}

fn squeeze(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn is_hidden(element: &ElementRef<'_>) -> bool {
    let value = element.value();
    UNSEEN.contains(&value.name())
        || value.attr("hidden").is_some()
        || value.attr("aria-hidden") == Some("true")
        || value.attr("style").is_some_and(|style| style.replace(' ', "").contains("display:none"))
}

fn visible_text(element: ElementRef<'_>, into: &mut String) {
    // an explicit stack: pages of strangers can be nested deeper than ours; `None` ends a line
    let mut open = vec![Some(*element)];
    while let Some(visit) = open.pop() {
        let Some(node) = visit else {
            into.push('\n');
            continue;
        };
        match node.value() {
            Node::Text(text) => into.push_str(&text.replace(['\n', '\t'], " ")),
            Node::Element(value) => {
                if ElementRef::wrap(node).is_some_and(|element| is_hidden(&element)) {
                    continue;
                }
                let is_block = BLOCKS.contains(&value.name());
                if is_block {
                    into.push('\n');
                    open.push(None);
                } else if matches!(value.name(), "td" | "th" | "small") {
                    into.push(' ');
                }
                let children: Vec<_> = node.children().collect();
                open.extend(children.into_iter().rev().map(Some));
            }
            _ => {}
        }
    }
}

fn links(html: &Html, base: &Url) -> Vec<(String, Url)> {
    let Ok(selector) = Selector::parse("a[href]") else { return Vec::new() };
    html.select(&selector)
        .filter_map(|link| {
            let mut url = base.join(link.attr("href")?).ok()?;
            url.set_fragment(None);
            let name = link.attr("aria-label").map_or_else(|| squeeze(&link.text().collect::<Vec<_>>().join(" ")), squeeze);
            matches!(url.scheme(), "http" | "https").then_some((name, url))
        })
        .take(MAX_LINKS)
        .collect()
}

/// What forms with a day in them lead to, sent as they stand but for another day: what is free then is seen on no other page. Only forms
/// that are sent by GET, which ask and change nothing.
fn dated_forms(html: &Html, base: &Url) -> Vec<Url> {
    let (Ok(forms), Ok(fields)) = (Selector::parse("form[action]"), Selector::parse("input[name], select[name]")) else {
        return Vec::new();
    };
    let dated = html.select(&forms).filter(|form| !form.attr("method").is_some_and(|method| method.eq_ignore_ascii_case("post")));
    dated
        .filter_map(|form| {
            let mut url = base.join(form.attr("action")?).ok()?;
            let drawn = usize::from_str_radix(hash::sha256_hex(url.as_str().as_bytes()).get(..4)?, 16).ok()?;
            let mut has_day = false;
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            for field in form.select(&fields) {
                let value = match field.value().name() {
                    "select" => option_value(&field, drawn),
                    _ => field.attr("value").unwrap_or_default().to_owned(),
                };
                let later = match dates::dates_in(&value).as_slice() {
                    [day] if long_text(*day) == value => day.checked_add(Duration::days(2 + (drawn / 3 % 12) as i64)),
                    _ => None,
                };
                has_day |= later.is_some();
                query.append_pair(field.attr("name").unwrap_or_default(), &later.map_or(value, long_text));
            }
            url.set_query(Some(&query.finish()));
            has_day.then_some(url)
        })
        .collect()
}

/// A day as people write it: `4 December 2026`.
fn long_text(day: Date) -> String {
    format!("{} {} {}", day.day(), day.month(), day.year())
}

/// The chosen option if it says anything, moved on by at most two; an option that stands for no choice stays.
fn option_value(select: &ElementRef<'_>, drawn: usize) -> String {
    let Ok(option) = Selector::parse("option") else { return String::new() };
    let options: Vec<ElementRef<'_>> = select.select(&option).collect();
    let value_of = |at: usize| {
        let option = options.get(at)?;
        Some(option.attr("value").map_or_else(|| squeeze(&option.text().collect::<String>()), str::to_owned))
    };
    let chosen = options.iter().position(|option| option.attr("selected").is_some()).unwrap_or_default();
    let usual = value_of(chosen).unwrap_or_default();
    if usual.is_empty() { usual } else { value_of(chosen + drawn % 3).unwrap_or(usual) }
}

fn controls(html: &Html) -> Vec<Offer> {
    let Ok(selector) = Selector::parse("input, select, textarea, button") else { return Vec::new() };
    let mut offers = Vec::new();
    for control in html.select(&selector) {
        let kind = match (control.value().name(), control.attr("type").unwrap_or("text")) {
            ("select", _) => "select",
            ("button", _) | ("input", "submit" | "button" | "image") => "button",
            ("input", "hidden") => continue,
            _ => "field",
        };
        let name = control_name(html, &control, kind);
        if name.is_empty() || offers.len() >= MAX_CONTROLS {
            continue;
        }
        let options = match (kind, Selector::parse("option")) {
            ("select", Ok(option)) => control
                .select(&option)
                .map(|option| squeeze(&option.text().collect::<String>()))
                .filter(|text| !text.is_empty())
                .take(MAX_OPTIONS)
                .collect(),
            _ => Vec::new(),
        };
        offers.push(Offer { kind: kind.into(), name: cut(&name, MAX_NAME), href: String::new(), options });
    }
    offers
}

fn control_name(html: &Html, control: &ElementRef<'_>, kind: &str) -> String {
    if let Some(label) = control.attr("aria-label") {
        return squeeze(label);
    }
    if kind == "button" {
        let text = squeeze(&control.text().collect::<String>());
        return if text.is_empty() { squeeze(control.attr("value").unwrap_or_default()) } else { text };
    }
    let by_id = control.attr("id").filter(|id| !id.contains(['"', '\\'])).and_then(|id| first(html, &format!("label[for=\"{id}\"]")));
    let around = || control.ancestors().filter_map(ElementRef::wrap).find(|element| element.value().name() == "label");
    let label = by_id.or_else(around).map(|label| {
        let own: Vec<&str> = label.children().filter_map(|child| child.value().as_text().map(|text| &**text)).collect();
        squeeze(&own.join(" "))
    });
    label.filter(|text| !text.is_empty()).or_else(|| control.attr("placeholder").or(control.attr("name")).map(squeeze)).unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    fn page(html: &str) -> Page {
        let final_url = Url::parse("http://shop.localhost/c/lighting").unwrap();
        read(&FetchedPage { final_url, status: 200, content_type: "text/html".into(), html: html.into() }, START_TEXT)
    }

    #[test]
    fn a_page_is_read_as_a_person_sees_it() {
        let page = page(
            r#"<html><head><title> Lighting  | Juniper </title><style>p{}</style></head><body><h1>Lighting</h1><script>no()</script>
            <p>Alpine <b>Lamp</b> $89.00</p><p hidden>secret</p><a href="/p/alpine-lamp#top">Alpine Lamp</a><a href="https://other.test/x">Other</a>
            <form><label for="q">Search</label><input id="q"><label>Sort <select><option>Price</option><option>Rating</option></select></label>
            <input type="hidden" name="t"><button>Go</button></form></body></html>"#,
        );

        assert_eq!(page.text.title, "Lighting | Juniper");
        assert!(page.text.text.starts_with("Lighting\nAlpine Lamp $89.00\n"), "{:?}", page.text.text);
        assert!(!page.text.text.contains("secret") && !page.text.text.contains("no()"));
        let offers: Vec<(&str, &str)> = page.offers.iter().map(|offer| (offer.kind.as_str(), offer.name.as_str())).collect();
        assert_eq!(offers, [("field", "Search"), ("select", "Sort"), ("button", "Go"), ("link", "Alpine Lamp"), ("link", "Other")]);
        assert_eq!(page.offers[1].options, ["Price", "Rating"]);
        assert_eq!(page.links, [Url::parse("http://shop.localhost/p/alpine-lamp").unwrap()]);
    }

    #[test]
    fn names_keep_their_words_apart_and_a_form_with_a_day_is_a_way_on() {
        let page = page(
            r#"<body><a href="/c/lamps"><span><strong>Lamps</strong><small>9 products</small></span></a>
            <form action="/table"><input name="day" value="22 November 2026"><select name="party"><option value="">Any</option></select></form>
            <form action="/pay" method="post"><input name="day" value="22 November 2026"></form><form action="/find"><input name="q"></form></body>"#,
        );

        assert_eq!(page.offers.last().unwrap().name, "Lamps 9 products");
        assert_eq!(page.text.text, "Lamps 9 products\nAny");
        let [_, form] = page.links.as_slice() else { panic!("{:?}", page.links) };
        let query: BTreeMap<String, String> = form.query_pairs().into_owned().collect();
        assert_eq!((form.path(), query["party"].as_str()), ("/table", ""));
        assert!(dates::dates_in(&query["day"])[0] > time::macros::date!(2026 - 11 - 23), "{form}");
    }

    #[test]
    fn neighbours_are_deep_varied_and_the_seeds_choice() {
        let url = |path: &str| Url::parse(&format!("http://shop.localhost{path}")).unwrap();
        let mut links: Vec<Url> = (0..20).map(|n| url(&format!("/product/{n}"))).collect();
        links.extend([url("/about"), url("/login"), url("/cart"), url("/logo.png"), url("/category/a"), url("/")]);
        let choose = |seed: u64| promising(&links, &HashSet::new(), 4, &mut StdRng::seed_from_u64(seed));

        let chosen = choose(1);

        assert_eq!(chosen, choose(1));
        assert_eq!(chosen.len(), 4);
        for kind in ["/product/", "/category/", "/about"] {
            assert!(chosen.iter().any(|link| link.path().starts_with(kind)), "no {kind} in {chosen:?}");
        }
        assert!((2..9).any(|seed| choose(seed) != chosen), "the seed does not matter");
    }
}
