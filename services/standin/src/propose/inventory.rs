//! What a site offers, as far as its pages say so: the values that intents may use.

use crate::brain::availability::times_on;
use crate::brain::docs::{defined, version_of};
use crate::dates;
use crate::goal::Booking;
use crate::words;
use wayfarer_core::prompt::PageText;
use wayfarer_core::prompt::propose::Offer;

/// A product.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Product {
    /// Its name.
    pub name: String,
    /// Colours, if its own page was seen.
    pub colours: Vec<String>,
    /// Sizes, if its own page was seen.
    pub sizes: Vec<String>,
    /// Variants that cannot be had: `Forest, M`.
    pub sold_out: Vec<String>,
    /// Its own page was seen, so that its variants are known.
    pub known: bool,
}

/// What was found.
#[derive(Debug, Clone, Default)]
pub struct Inventory {
    /// Products of a shop.
    pub products: Vec<Product>,
    /// Categories of a shop.
    pub categories: Vec<String>,
    /// Restaurants.
    pub restaurants: Vec<String>,
    /// Tables that a page shows as free.
    pub free: Vec<Booking>,
    /// The weekday on which a restaurant is closed, where its page says so.
    pub closed: Vec<(String, String)>,
    /// Kinds of food.
    pub cuisines: Vec<String>,
    /// Places.
    pub places: Vec<String>,
    /// Kinds of food with a place where there is such a restaurant.
    pub pairs: Vec<(String, String)>,
    /// Modules of a documentation.
    pub modules: Vec<String>,
    /// Dotted names whose documentation has a "New in version" note.
    pub names: Vec<String>,
}

/// Modules of which everybody knows who knows Python that the index lists them.
const KNOWN_MODULES: &[&str] = &[
    "json",
    "csv",
    "pathlib",
    "shutil",
    "statistics",
    "textwrap",
    "zipfile",
    "tempfile",
    "functools",
    "itertools",
    "secrets",
    "heapq",
    "bisect",
    "calendar",
    "difflib",
    "math",
    "random",
    "sqlite3",
];

/// Names of which one knows that they came later, though not with which version.
const KNOWN_NAMES: &[&str] = &[
    "json.JSONDecodeError",
    "math.isqrt",
    "math.prod",
    "math.lcm",
    "math.dist",
    "pathlib.Path.home",
    "pathlib.PurePath.is_relative_to",
    "statistics.fmean",
    "statistics.quantiles",
    "functools.cached_property",
    "functools.cache",
    "itertools.pairwise",
    "random.choices",
    "shutil.which",
    "datetime.datetime.fromisoformat",
    "textwrap.shorten",
    "contextlib.nullcontext",
    "contextlib.chdir",
    "enum.StrEnum",
    "os.scandir",
    "time.perf_counter",
];

fn push(list: &mut Vec<String>, value: &str) {
    let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
    if value.len() > 1 && value.len() < 60 && !list.iter().any(|have| words::same(have, &value)) {
        list.push(value);
    }
}

/// The first part of a title: `Trail Mug | Juniper & Pine`.
fn heading(title: &str) -> &str {
    title.split(['|', '—', '–', '·', ',']).next().unwrap_or(title).trim()
}

/// Collects from the offers of one page and the texts of several.
pub fn collect(offers: &[Offer], pages: &[&PageText]) -> Inventory {
    let mut found = Inventory::default();
    for offer in offers {
        from_offer(&mut found, offer);
    }
    for page in pages {
        from_page(&mut found, page);
    }
    // where no page that was read lists modules, the index that is linked does
    if found.modules.is_empty() && offers.iter().any(|offer| offer.href.contains("modindex") || offer.href.contains("library/index")) {
        KNOWN_MODULES.iter().for_each(|module| push(&mut found.modules, module));
    }
    if pages
        .iter()
        .any(|page| words::holds(&page.title, "documentation") && words::holds(&format!("{} {}", page.title, page.text), "python"))
    {
        // the note itself stands far down on a long page: that the module is linked is what the pages show
        let is_linked = |name: &&&str| found.modules.iter().any(|module| name.split('.').next() == Some(module.as_str()));
        let linked: Vec<&str> = KNOWN_NAMES.iter().filter(is_linked).copied().collect();
        linked.into_iter().for_each(|name| push(&mut found.names, name));
    }
    let lines: Vec<&str> = pages.iter().flat_map(|page| page.text.lines()).filter(|line| line.len() < 160).collect();
    for cuisine in &found.cuisines {
        let of_it = lines.iter().filter(|line| words::holds(line, cuisine));
        let places: Vec<&String> = of_it.flat_map(|line| found.places.iter().filter(|place| words::holds(line, place))).collect();
        found.pairs.extend(places.into_iter().map(|place| (cuisine.clone(), place.clone())));
    }
    found.pairs.sort();
    found.pairs.dedup();
    // a page's own selects are among the offers: they belong to the product that the first page shows
    if let Some(first) = pages.first()
        && first.url.contains("/product")
    {
        let values = |names: &[&str]| -> Vec<String> {
            offers
                .iter()
                .filter(|offer| offer.kind == "select" && words::holds_any(&offer.name, names).is_some())
                .flat_map(|offer| offer.options.clone())
                .filter(|option| is_value(option))
                .collect()
        };
        let product = Product {
            name: heading(&first.title).into(),
            colours: values(&["colour", "color"]),
            sizes: values(&["size"]),
            sold_out: sold_out(&first.text),
            known: true,
        };
        found.products.retain(|have| have.name != product.name);
        found.products.insert(0, product);
    }
    found
}

/// Whether a link's name is the name of what it leads to ("Trail Mug" → `/product/trail-mug`), and not a picture, a teaser or "more".
fn names_its_target(name: &str, href: &str) -> bool {
    let path = href.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
    let last = path.rsplit('/').next().unwrap_or_default();
    let slug = words::normal(&last.trim_end_matches(".html").replace('-', " "));
    let name = words::normal(name).replace(" and ", " ");
    !name.is_empty() && (slug == name || !slug.chars().any(char::is_alphabetic))
}

fn is_value(option: &str) -> bool {
    !option.trim().is_empty() && words::holds_any(option, &["choose", "select", "any", "anywhere", "sold out", "all", "please"]).is_none()
}

fn from_offer(found: &mut Inventory, offer: &Offer) {
    let name = offer.name.trim();
    let href = offer.href.to_lowercase();
    if offer.kind == "link" && names_its_target(name, &href) {
        if href.contains("/product/") {
            if !found.products.iter().any(|product| words::same(&product.name, name)) && words::money(name).is_empty() {
                found.products.push(Product { name: name.into(), ..Product::default() });
            }
        } else if href.contains("/category/") || href.contains("/c/") {
            push(&mut found.categories, name);
        } else if is_restaurant(&href)
            && words::holds_any(name, &["book", "reserve", "view", "see", "details", "more"]).is_none()
            && words::times(name).is_empty()
        {
            push(&mut found.restaurants, name);
        } else if href.contains("library/") && href.contains(".html") && is_module(name) {
            push(&mut found.modules, name);
        }
    }
    if offer.kind == "select" {
        let list = if words::holds_any(&offer.name, &["cuisine", "food", "kitchen"]).is_some() {
            Some(&mut found.cuisines)
        } else if words::holds_any(&offer.name, &["place", "where", "location", "neighbourhood", "area", "city"]).is_some() {
            Some(&mut found.places)
        } else {
            None
        };
        if let Some(list) = list {
            offer.options.iter().filter(|option| is_value(option)).for_each(|option| push(list, option));
        }
    }
}

/// The address of a restaurant's own page.
fn is_restaurant(address: &str) -> bool {
    (address.contains("/restaurants/") || address.contains("/restaurant/"))
        && !address.contains("/reserve")
        && !address.contains("/contact")
}

fn is_module(name: &str) -> bool {
    name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_')) && name.len() > 2 && !name.starts_with('_')
}

fn from_page(found: &mut Inventory, page: &PageText) {
    let path = page.url.to_lowercase();
    let name = heading(&page.title);
    if path.contains("/product/") {
        let product = Product {
            name: name.into(),
            colours: after_label(&page.text, "colour"),
            sizes: after_label(&page.text, "size"),
            sold_out: sold_out(&page.text),
            known: true,
        };
        let has_axis =
            |label: &str| page.text.lines().any(|line| words::same(line, label) || words::holds(line, &format!("choose a {label}")));
        let readable = (!has_axis("colour") || !product.colours.is_empty()) && (!has_axis("size") || !product.sizes.is_empty());
        let product = Product { known: readable, ..product };
        match found.products.iter_mut().find(|have| words::same(&have.name, name)) {
            Some(have) => *have = product,
            None => found.products.push(product),
        }
    } else if is_restaurant(&path) {
        push(&mut found.restaurants, name);
        free_tables(found, name, &page.text);
    } else if path.contains("library/index") || path.contains("modindex") {
        modules_listed(&page.text, path.contains("modindex")).iter().for_each(|module| push(&mut found.modules, module));
    } else if path.contains("library/") && !path.contains("library/index") {
        let module = path.rsplit('/').next().unwrap_or_default().split(".html").next().unwrap_or_default();
        if is_module(module) && page.title.contains('—') && words::same(page.title.split('—').next().unwrap_or_default(), module) {
            push(&mut found.modules, module);
            names_with_notes(&page.text, module).iter().for_each(|name| push(&mut found.names, name));
        }
    }
}

/// What the page of a restaurant says about its tables: `Friday 4 December 2026, party of 2`, and the times that are free then.
fn free_tables(found: &mut Inventory, restaurant: &str, text: &str) {
    if let Some(day) = text.lines().find_map(|line| WEEKDAYS.iter().find(|day| words::holds(line, &format!("closed on {day}s")))) {
        found.closed.push((restaurant.into(), (*day).into()));
    }
    let asked = text.lines().find_map(|line| {
        let normal = words::normal(line);
        let (_, after) = normal.split_once("party of ")?;
        Some((dates::parse(line.split(',').find(|part| dates::parse(part).is_some())?)?, after.split(' ').next()?.parse::<u32>().ok()?))
    });
    let Some((day, party)) = asked else { return };
    let of = |time| Booking { party, restaurant: restaurant.into(), date: dates::long(day), time };
    found.free.extend(times_on(text).0.into_iter().map(of));
}

/// Days as pages write them.
const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// What the page says cannot be had: `Sold out at the moment: Forest, M; Rust, L.`
fn sold_out(text: &str) -> Vec<String> {
    let line = text.lines().find(|line| words::holds(line, "sold out") && line.contains(':')).and_then(|line| line.split_once(':'));
    line.map(|(_, rest)| rest.trim_end_matches('.').split(';').map(|variant| variant.trim().to_string()).collect()).unwrap_or_default()
}

/// Values of a select, in the text of a page: short lines after its label.
fn after_label(text: &str, label: &str) -> Vec<String> {
    const ENDS: &[&str] = &["colour", "size", "quantity", "add to cart", "details", "in stock", "reviews"];
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let Some(at) = lines.iter().position(|line| words::same(line, label) || words::holds(line, &format!("{label} choose a {label}")))
    else {
        return Vec::new();
    };
    // all in one line: "Colour Choose a colour Olive Grey" cannot be cut into values
    let values = lines[at + 1..]
        .iter()
        .take_while(|line| !ENDS.contains(&words::normal(line).as_str()) && line.len() <= 24 && words::money(line).is_empty());
    values.filter(|line| is_value(line)).take(12).map(|line| (*line).to_string()).collect()
}

/// Modules in a table of contents (`json — JSON encoder and decoder`) or in an index (`json JSON encoder and decoder.`).
fn modules_listed(text: &str, is_index: bool) -> Vec<String> {
    let in_index = |line: &str| {
        let (name, rest) = line.split_once(' ')?;
        (is_index && rest.trim_start().starts_with(char::is_uppercase) && rest.ends_with('.')).then(|| name.to_string())
    };
    text.lines()
        .filter_map(|line| line.split_once(" — ").map(|(name, _)| name.trim().to_string()).or_else(|| in_index(line.trim())))
        .filter(|name| is_module(name))
        .take(60)
        .collect()
}

/// Names whose definition is followed by a note before any other definition.
fn names_with_notes(text: &str, module: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for line in text.lines().filter(|line| line.contains('(')) {
        let Some(name) = defined(line) else { continue };
        let dotted = if name.starts_with(&format!("{module}.")) { name.clone() } else { format!("{module}.{name}") };
        let is_plain = name.contains('.') && !names.contains(&dotted);
        if is_plain && version_of(text, &dotted).is_some() {
            names.push(dotted);
        }
        if names.len() >= 8 {
            break;
        }
    }
    names
}
