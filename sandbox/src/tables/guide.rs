//! The restaurants that Tablewise knows. Names and addresses are written by hand, with near-misses on purpose ("Osteria Lucca",
//! "Osteria Luce"); ratings, phone numbers and free tables follow from the seed.

use crate::dates;
use crate::seeded;
use serde::Serialize;
use time::Date;

pub(crate) const PLACES: [&str; 4] = ["Brighton", "Bath", "York", "Norwich"];
pub(crate) const CUISINES: [&str; 6] = ["Italian", "Japanese", "Indian", "French", "Mexican", "Thai"];
/// The largest party that can book.
pub(crate) const LARGEST_PARTY: u8 = 8;
/// Times at which a table may be had.
const TIMES: [&str; 9] = ["17:30", "18:00", "18:30", "19:00", "19:30", "20:00", "20:30", "21:00", "21:30"];
const WEEK: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// A restaurant.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Restaurant {
    pub(crate) slug: String,
    pub(crate) name: &'static str,
    pub(crate) place: &'static str,
    pub(crate) area: &'static str,
    pub(crate) street: &'static str,
    pub(crate) cuisine: &'static str,
    pub(crate) price_level: &'static str,
    pub(crate) blurb: &'static str,
    pub(crate) rating_tenths: i64,
    pub(crate) review_count: u64,
    pub(crate) phone: String,
    /// 0 is Monday.
    closed_weekday: usize,
}

/// A time and whether a table is free then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Slot {
    pub(crate) time: &'static str,
    pub(crate) free: bool,
}

/// All restaurants of a seed.
#[derive(Debug, Clone)]
pub(crate) struct Guide {
    seed: u64,
    pub(crate) restaurants: Vec<Restaurant>,
}

type Row = (&'static str, &'static str, &'static str, &'static str, &'static str, &'static str, &'static str);

/// Name, place, area, street, cuisine, price level, description.
const ROWS: &[Row] = &[
    (
        "Osteria Lucca",
        "Brighton",
        "The Lanes",
        "14 Ship Street",
        "Italian",
        "$$",
        "Tuscan cooking in a former chandlery: hand-cut tagliatelle, a short list of natural wines, and a counter that looks into the kitchen.",
    ),
    (
        "Osteria Luce",
        "Brighton",
        "Hove",
        "41 Church Road",
        "Italian",
        "$$$",
        "A bright corner room with white cloths, Ligurian fish and the best focaccia this side of Genoa.",
    ),
    (
        "Trattoria Bellona",
        "Brighton",
        "Kemptown",
        "9 St James's Street",
        "Italian",
        "$",
        "Pizza from a wood oven, carafes of red, and tables close enough to make friends.",
    ),
    (
        "Kumo",
        "Brighton",
        "North Laine",
        "27 Gardner Street",
        "Japanese",
        "$$",
        "Ramen at lunch, skewers over charcoal at night. Twenty-two seats and one very long counter.",
    ),
    (
        "Kumo Garden",
        "Brighton",
        "Preston Park",
        "3 Beaconsfield Villas",
        "Japanese",
        "$$$",
        "The quieter sister of Kumo, with a maple in the courtyard and a set menu of nine plates.",
    ),
    (
        "Casa Mirlo",
        "Brighton",
        "The Lanes",
        "6 Black Lion Lane",
        "Mexican",
        "$$",
        "Tacos of slow pork, charred corn, and a mezcal list that takes some reading.",
    ),
    (
        "La Paloma Azul",
        "Brighton",
        "Kemptown",
        "88 Marine Parade",
        "Mexican",
        "$",
        "A blue-painted cantina by the sea with breakfasts until noon and margaritas after.",
    ),
    (
        "Saffron Yard",
        "Bath",
        "Walcot",
        "22 Walcot Street",
        "Indian",
        "$$",
        "Home cooking from Gujarat and Rajasthan, thalis that change every day, and chai on the house.",
    ),
    (
        "Saffron House",
        "Bath",
        "City Centre",
        "5 Queen Square",
        "Indian",
        "$$$",
        "Georgian rooms, tandoor-roasted venison and a cellar of old rieslings.",
    ),
    (
        "Tamarind Lane",
        "Bath",
        "Widcombe",
        "17 Claverton Street",
        "Indian",
        "$",
        "Keralan curries and dosas as long as your arm, in a small room beside the canal.",
    ),
    (
        "Le Petit Bouchon",
        "Bath",
        "City Centre",
        "11 Margaret's Buildings",
        "French",
        "$$",
        "A Lyon bouchon with gingham cloths: quenelles, onion soup and a prix fixe worth the walk.",
    ),
    (
        "Le Grand Bouchon",
        "Bath",
        "Lansdown",
        "2 Lansdown Crescent",
        "French",
        "$$$$",
        "Seven courses under a chandelier, and a trolley of cheeses that has its own waiter.",
    ),
    (
        "Chez Odile",
        "Bath",
        "Walcot",
        "63 London Street",
        "French",
        "$$",
        "Odile cooks what the market had this morning. There is no menu, and nobody minds.",
    ),
    (
        "Ristorante Arco",
        "Bath",
        "Pulteney",
        "8 Argyle Street",
        "Italian",
        "$$$",
        "Roman classics beside the weir, with carbonara made the way your nonna would defend.",
    ),
    (
        "Bangkok Larder",
        "York",
        "Fossgate",
        "30 Fossgate",
        "Thai",
        "$$",
        "Isaan salads, sour curries and a fridge of sweets from the family bakery.",
    ),
    (
        "Bangkok Lantern",
        "York",
        "Micklegate",
        "78 Micklegate",
        "Thai",
        "$",
        "Street plates under paper lanterns: noodles in five minutes, smiles in four.",
    ),
    (
        "Baan Suan",
        "York",
        "Bishopthorpe",
        "19 Bishopthorpe Road",
        "Thai",
        "$$$",
        "A garden house with royal Thai cooking, carved fruit and a tasting menu.",
    ),
    (
        "Sakana",
        "York",
        "Shambles",
        "4 Little Shambles",
        "Japanese",
        "$$$",
        "Sushi from day-boat fish. Twelve seats; the chef tells you when to use soy, which is never.",
    ),
    (
        "Sakura Table",
        "York",
        "Fossgate",
        "52 Walmgate",
        "Japanese",
        "$$",
        "Hotpots, tempura and sake flights in a timbered house that leans a little.",
    ),
    (
        "Brasserie Minster",
        "York",
        "Minster Yard",
        "1 Precentor's Court",
        "French",
        "$$$",
        "Zinc bar, oysters and steak frites in the shadow of the great east window.",
    ),
    (
        "Bistro Margot",
        "York",
        "Bootham",
        "33 Gillygate",
        "French",
        "$$",
        "A neighbourhood bistro with a blackboard, a good terrine and a very old dog.",
    ),
    (
        "El Zocalo",
        "Norwich",
        "Norwich Lanes",
        "12 Pottergate",
        "Mexican",
        "$$",
        "Oaxacan moles that take three days, served with tortillas that take three minutes.",
    ),
    (
        "El Zaguan",
        "Norwich",
        "Tombland",
        "7 Tombland",
        "Mexican",
        "$$$",
        "Modern Mexican in a vaulted hallway, with a tasting menu built around corn.",
    ),
    (
        "Taqueria Once",
        "Norwich",
        "Magdalen Street",
        "91 Magdalen Street",
        "Mexican",
        "$",
        "Eleven tacos, eleven salsas, and a queue on Fridays.",
    ),
    (
        "Spice Merchant",
        "Norwich",
        "St Benedicts",
        "46 St Benedicts Street",
        "Indian",
        "$$",
        "Punjabi grills and black dal that simmers overnight, in an old grain store.",
    ),
    (
        "Spice Mariner",
        "Norwich",
        "Riverside",
        "10 Quayside",
        "Indian",
        "$$",
        "Goan fish curries, Bengali mustard prawns and a terrace over the Wensum.",
    ),
    (
        "Siam Orchid",
        "Norwich",
        "Norwich Lanes",
        "28 St Giles Street",
        "Thai",
        "$$",
        "Green curries with vegetables from the owners' allotment, and a quiet back room.",
    ),
    (
        "Siam Orchard",
        "Norwich",
        "Thorpe",
        "55 Yarmouth Road",
        "Thai",
        "$$$",
        "A barn among apple trees, with smoked duck, river prawns and cider pairings.",
    ),
];

impl Guide {
    /// The guide of a seed. For every cuisine in every place the best rating stands alone.
    pub(crate) fn of(seed: u64) -> Self {
        let mut restaurants: Vec<Restaurant> = ROWS.iter().enumerate().map(|(number, row)| restaurant(seed, number, row)).collect();
        for place in PLACES {
            for cuisine in CUISINES {
                let best = restaurants.iter_mut().filter(|r| r.place == place && r.cuisine == cuisine).max_by_key(|r| r.rating_tenths);
                if let Some(best) = best {
                    best.rating_tenths += 1;
                }
            }
        }
        Self { seed, restaurants }
    }

    pub(crate) fn by_slug(&self, slug: &str) -> Option<&Restaurant> {
        self.restaurants.iter().find(|r| r.slug == slug)
    }

    pub(crate) fn by_name(&self, name: &str) -> Option<&Restaurant> {
        self.restaurants.iter().find(|r| r.name.eq_ignore_ascii_case(name.trim()))
    }

    pub(crate) fn best_rated(&self, cuisine: &str, place: &str) -> Option<&Restaurant> {
        let is = |a: &str, b: &str| a.eq_ignore_ascii_case(b.trim());
        self.restaurants.iter().filter(|r| is(r.cuisine, cuisine) && is(r.place, place)).max_by_key(|r| r.rating_tenths)
    }

    /// The times of a day, with at least one free for every party that may book; none on the day of rest.
    pub(crate) fn slots(&self, restaurant: &Restaurant, date: Date, party: u8) -> Vec<Slot> {
        if restaurant.is_closed_on(date) || !(1..=LARGEST_PARTY).contains(&party) {
            return Vec::new();
        }
        let day = dates::iso(date);
        let party = party.to_string();
        let certain = seeded::below(self.seed, &["certain", &restaurant.slug, &day, &party], TIMES.len() as u64) as usize;
        let is_free =
            |number: usize, time: &str| number == certain || seeded::chance(self.seed, &["free", &restaurant.slug, &day, &party, time], 45);
        TIMES.iter().enumerate().map(|(number, time)| Slot { time, free: is_free(number, time) }).collect()
    }
}

impl Restaurant {
    pub(crate) fn is_closed_on(&self, date: Date) -> bool {
        usize::from(date.weekday().number_days_from_monday()) == self.closed_weekday
    }

    pub(crate) fn closed_weekday(&self) -> &'static str {
        WEEK[self.closed_weekday]
    }

    pub(crate) fn address(&self) -> String {
        format!("{}, {}", self.street, self.place)
    }
}

fn restaurant(seed: u64, number: usize, row: &Row) -> Restaurant {
    let &(name, place, area, street, cuisine, price_level, blurb) = row;
    Restaurant {
        slug: name.to_ascii_lowercase().replace(' ', "-"),
        name,
        place,
        area,
        street,
        cuisine,
        price_level,
        blurb,
        rating_tenths: 36 + seeded::below(seed, &["rating", name], 13) as i64,
        review_count: 40 + seeded::below(seed, &["reviews", name], 900),
        // Numbers that are set apart for stories and never ring anywhere.
        phone: format!("01632 960 {:03}", 100 + number * 29 + seeded::below(seed, &["phone", name], 29) as usize),
        closed_weekday: seeded::below(seed, &["rest", name], 3) as usize,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn for_any_seed_the_best_is_one_and_every_party_finds_a_table() {
        for seed in 0..10 {
            let guide = Guide::of(seed);
            for restaurant in &guide.restaurants {
                let best = guide.best_rated(restaurant.cuisine, restaurant.place).unwrap();
                let equals = guide
                    .restaurants
                    .iter()
                    .filter(|r| r.cuisine == best.cuisine && r.place == best.place && r.rating_tenths == best.rating_tenths);
                assert_eq!(equals.count(), 1);
                let date = time::macros::date!(2026 - 12 - 04);
                assert!(guide.slots(restaurant, date, 4).iter().any(|slot| slot.free));
                assert_eq!(guide.slots(restaurant, date, 4), guide.slots(restaurant, date, 4));
            }
        }
    }
}
