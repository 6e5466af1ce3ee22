//! Programs that start what they are given: inits, and what sets up an environment, a limit or a user first.

use std::iter::Chain;
use std::ops::Deref;
use std::slice::Iter;

use super::base_name;

/// Deeper than anybody nests wrappers; more of them are not looked through.
const MAX_DEPTH: usize = 8;

/// The words of a command, and of the arguments behind it.
pub(in crate::hazard) type Words<'w, W> = Chain<Iter<'w, W>, Iter<'w, W>>;

/// A program that starts another, and how its own words end.
struct Wrapper {
    name: &'static str,
    is_init: bool,
    /// The short options that take the next word as their value.
    valued: &'static str,
    /// How many words stand before the program: a user, a duration.
    operands: usize,
}

static WRAPPERS: [Wrapper; 14] = [
    Wrapper { name: "catatonit", is_init: true, valued: "", operands: 0 },
    Wrapper { name: "chpst", is_init: false, valued: "uUeb/nlLmdoprfct", operands: 0 },
    Wrapper { name: "dumb-init", is_init: true, valued: "r", operands: 0 },
    Wrapper { name: "env", is_init: false, valued: "uCS", operands: 0 },
    Wrapper { name: "gosu", is_init: false, valued: "", operands: 1 },
    Wrapper { name: "ionice", is_init: false, valued: "cn", operands: 0 },
    Wrapper { name: "nice", is_init: false, valued: "n", operands: 0 },
    Wrapper { name: "nohup", is_init: false, valued: "", operands: 0 },
    Wrapper { name: "setsid", is_init: false, valued: "", operands: 0 },
    Wrapper { name: "stdbuf", is_init: false, valued: "ioe", operands: 0 },
    Wrapper { name: "su-exec", is_init: false, valued: "", operands: 1 },
    Wrapper { name: "timeout", is_init: false, valued: "ks", operands: 1 },
    Wrapper { name: "tini", is_init: true, valued: "pe", operands: 0 },
    Wrapper { name: "tini-static", is_init: true, valued: "pe", operands: 0 },
];

/// A program that is started, and the words behind it.
pub(in crate::hazard) struct Start<'w, W> {
    pub(in crate::hazard) program: &'w str,
    pub(in crate::hazard) rest: Words<'w, W>,
    pub(in crate::hazard) is_init: bool,
}

/// The programs that a command starts: wrappers, each followed by what it wraps.
pub(in crate::hazard) fn started<W: Deref<Target = str>>(words: Words<'_, W>) -> impl Iterator<Item = Start<'_, W>> {
    let mut next = Some(words);
    let programs = std::iter::from_fn(move || {
        let mut words = next.take()?;
        let program = words.next().filter(|word| !word.is_empty())?;
        let name = base_name(program);
        let wrapper = wrapper(name);
        next = wrapper.map(|wrapper| wrapper.skip(words.clone()));
        Some(Start { program, rest: words, is_init: wrapper.is_some_and(|wrapper| wrapper.is_init) })
    });
    programs.take(MAX_DEPTH)
}

/// Whether the program of that name starts what it is given.
pub(super) fn is_wrapper(name: &str) -> bool {
    wrapper(name).is_some()
}

fn wrapper(name: &str) -> Option<&'static Wrapper> {
    WRAPPERS.iter().find(|wrapper| wrapper.name == name)
}

impl Wrapper {
    /// From behind the wrapper's name to what it starts.
    fn skip<'w, W: Deref<Target = str>>(&self, mut words: Words<'w, W>) -> Words<'w, W> {
        let mut operands = self.operands;
        loop {
            let program = words.clone();
            let Some(word) = words.next() else { return program };
            let is_assignment = self.name == "env" && word.contains('=');
            if &**word == "--" {
                for _ in 0..operands {
                    words.next();
                }
                return words;
            }
            match word.strip_prefix('-') {
                Some(option) => {
                    // The last letter of `-gp` may take a value; `-n5` and `--signal=9` bring their own.
                    if option.len() == 1 && self.valued.contains(option) {
                        words.next();
                    }
                }
                None if is_assignment => {}
                None if operands > 0 => operands -= 1,
                None => return program,
            }
        }
    }
}
