//! Generates texts that are nearly references: parts of the grammar are joined, then damaged. All runs are the same.

/// Where each run starts.
const SEED: u64 = 0x5eed_0f1a_7e57_ab1e;

/// `count` texts, half of them put together by the grammar and half made from `seeds`; most changed in up to three places.
pub(crate) fn mutants(seeds: &[&str], count: usize) -> Vec<String> {
    let mut dice = Dice(SEED);
    (0..count)
        .map(|nth| {
            let mut text = if nth % 2 == 0 { reference(&mut dice) } else { dice.pick(seeds).to_owned() };
            for _ in 0..dice.below(4) {
                spoil(&mut text, &mut dice);
            }
            text
        })
        .collect()
}

/// `SplitMix64` (Steele, Lea, Flood 2014): a seeded run needs no more.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let limit = u64::try_from(limit).unwrap();
        usize::try_from((mixed ^ (mixed >> 31)) % limit).unwrap()
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

fn reference(dice: &mut Dice) -> String {
    let hosts = ["", "", "docker.io/", "index.docker.io/", "registry-1.docker.io/", "localhost/", "quay.io/", "a_b.c/"];
    let ports = ["r:5000/", "[fd00::1]:443/", "[::]/", "10.0.0.1:1/", "Upper/", "x.Y-z.0/"];
    let separators = [".", "_", "__", "-", "---", "/", "/", "/"];
    let mut text = dice.pick(&[&hosts[..], &ports[..]].concat()).to_owned();
    text.push_str(&word(dice));
    for _ in 0..dice.below(4) {
        text.push_str(dice.pick(&separators));
        text.push_str(&word(dice));
    }
    if dice.below(2) == 0 {
        text.push(':');
        text.push_str(dice.pick(&["1", "v1.2.3", "Latest", "_x", "3-alpine3.24", "a..b--c__"]));
    }
    if dice.below(3) == 0 {
        let (algorithm, length) = dice.pick(&[("sha256", 64), ("sha384", 96), ("sha512", 128)]);
        let digits: String = (0..length).map(|_| dice.pick(&['0', '7', 'a', 'f'])).collect();
        text.extend(["@", algorithm, ":", &digits]);
    }
    text
}

fn word(dice: &mut Dice) -> String {
    (0..=dice.below(6)).map(|_| dice.pick(&['a', 'b', 'z', '0', '9', 'x'])).collect()
}

/// Puts a character in, takes one out, replaces one, or doubles a stretch.
fn spoil(text: &mut String, dice: &mut Dice) {
    let strange: Vec<char> = "._-/:@[]AZa0 \n\0+=%\\\u{e9}\u{c9}\u{1c5}\u{200b}\u{1f433}".chars().collect();
    let places: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    let (from, to) = (dice.pick(&places), dice.pick(&places));
    let (from, to) = (from.min(to), from.max(to));
    match dice.below(4) {
        0 => text.insert(from, dice.pick(&strange)),
        1 if from < text.len() => drop(text.remove(from)),
        2 if from < text.len() => {
            text.remove(from);
            text.insert(from, dice.pick(&strange));
        }
        _ if to - from < 64 => {
            let stretch = text[from..to].to_owned();
            text.insert_str(from, &stretch);
        }
        _ => text.truncate(to),
    }
}
