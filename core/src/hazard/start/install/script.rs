//! Finds package managers in the text of a shell script, as far as that takes no shell: where commands begin, quotes, comments
//! and here-documents.

use super::{Manager, is_python, manager, may_mention_any};
use crate::hazard::start::base_name;

/// What a package manager changes an image by; asking for its version does nothing.
const SUBCOMMANDS: [&str; 20] = [
    "add",
    "ci",
    "dist-upgrade",
    "download",
    "full-upgrade",
    "groupinstall",
    "i",
    "in",
    "install",
    "localinstall",
    "makecache",
    "purge",
    "refresh",
    "reinstall",
    "remove",
    "update",
    "upgrade",
    "-S",
    "-Sy",
    "-Syu",
];
/// What stands before a command that is still at its beginning.
const BEFORE_COMMANDS: [&str; 15] =
    ["!", "{", "if", "then", "else", "elif", "do", "while", "until", "time", "exec", "sudo", "env", "command", "nohup"];

/// The package managers that a script uses.
pub(in super::super) fn in_script(script: &str) -> impl Iterator<Item = &'static Manager> {
    // Most have none, and need not be taken apart.
    let script = if may_mention_any(script) { script } else { "" };
    let mut tokens = Tokens { rest: script, here_document: None };
    let mut command = Command::Beginning;
    std::iter::from_fn(move || {
        loop {
            let used;
            (command, used) = command.then(tokens.next()?);
            if used.is_some() {
                return used;
            }
        }
    })
}

/// How far into a command the script is.
#[derive(Debug, Clone, Copy)]
enum Command {
    Beginning,
    /// Behind `python`, and perhaps its `-m`.
    Python {
        module: bool,
    },
    /// Behind a package manager, and perhaps an option that may take a value.
    Manager {
        manager: &'static Manager,
        option: bool,
    },
    /// Behind anything else: the rest are arguments.
    Arguments,
}

impl Command {
    /// What follows a token, and the package manager whose use the token completes.
    fn then(self, token: Token<'_>) -> (Self, Option<&'static Manager>) {
        let Token::Word(word) = token else { return (Self::Beginning, None) };
        let word = unquoted(word);
        let next = match self {
            Self::Beginning if is_before_command(word) => Self::Beginning,
            Self::Beginning => match base_name(word) {
                name if is_python(name) => Self::Python { module: false },
                name => Self::managed(name),
            },
            Self::Python { module: true } => Self::managed(word),
            Self::Python { module: false } if word == "-m" => Self::Python { module: true },
            Self::Manager { manager, .. } if SUBCOMMANDS.contains(&word) => return (Self::Arguments, Some(manager)),
            Self::Manager { manager, .. } if word.starts_with('-') => Self::Manager { manager, option: true },
            // The value of the option.
            Self::Manager { manager, option: true } => Self::Manager { manager, option: false },
            Self::Python { .. } | Self::Manager { .. } | Self::Arguments => Self::Arguments,
        };
        (next, None)
    }

    fn managed(name: &str) -> Self {
        manager(name).map_or(Self::Arguments, |manager| Self::Manager { manager, option: false })
    }
}

/// Keywords, assignments, and the options of `sudo` and such.
fn is_before_command(word: &str) -> bool {
    let is_name =
        |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    BEFORE_COMMANDS.contains(&word)
        || word.starts_with('-')
        || word.split_once('=').is_some_and(|(name, _)| is_name(name))
}

fn unquoted(word: &str) -> &str {
    word.trim_matches(['"', '\''])
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'t> {
    Word(&'t str),
    /// A new command begins.
    End,
}

#[derive(Debug)]
struct Tokens<'t> {
    rest: &'t str,
    /// The word that ends the text which begins with the next line.
    here_document: Option<&'t str>,
}

impl<'t> Iterator for Tokens<'t> {
    type Item = Token<'t>;

    fn next(&mut self) -> Option<Token<'t>> {
        loop {
            let rest = self.rest.trim_start_matches([' ', '\t', '\r']);
            let first = *rest.as_bytes().first()?;
            self.rest = rest.get(1..).unwrap_or_default();
            match first {
                b'\n' => {
                    self.pass_here_document();
                    return Some(Token::End);
                }
                b';' | b'&' | b'|' | b'(' | b')' | b'`' => return Some(Token::End),
                b'\\' if self.rest.starts_with(['\n', '\r']) => {
                    self.rest = self.rest.trim_start_matches('\r');
                    self.rest = self.rest.strip_prefix('\n').unwrap_or(self.rest);
                }
                b'#' => self.rest = rest.find('\n').and_then(|end| rest.get(end..)).unwrap_or_default(),
                _ => {
                    let (word, after) = rest.split_at_checked(end_of_word(rest.as_bytes()))?;
                    self.rest = after;
                    // `<<<` is a text of one line.
                    let mark = word.split_once('<').and_then(|(_, rest)| rest.strip_prefix('<'));
                    if let Some(mark) = mark.filter(|mark| !mark.starts_with('<')) {
                        self.expect_here_document(mark.trim_start_matches('-'));
                    }
                    return Some(Token::Word(word));
                }
            }
        }
    }
}

impl<'t> Tokens<'t> {
    /// The end of a here-document stands behind its mark, or is the next word.
    fn expect_here_document(&mut self, written: &'t str) {
        let mut end = written;
        if end.is_empty() {
            let rest = self.rest.trim_start_matches([' ', '\t']);
            if let Some((word, after)) = rest.split_at_checked(end_of_word(rest.as_bytes())) {
                (end, self.rest) = (word, after);
            }
        }
        self.here_document = Some(unquoted(end)).filter(|end| !end.is_empty());
    }

    fn pass_here_document(&mut self) {
        let Some(end) = self.here_document.take() else { return };
        while !self.rest.is_empty() {
            let (line, after) = self.rest.split_once('\n').unwrap_or((self.rest, ""));
            self.rest = after;
            if line.trim() == end {
                return;
            }
        }
    }
}

/// Where the word ends that these bytes begin with; quotes and escapes are part of it.
fn end_of_word(bytes: &[u8]) -> usize {
    let (mut at, mut quote) = (0, None);
    while let Some(byte) = bytes.get(at) {
        match (quote, byte) {
            (None | Some(b'"'), b'\\') => at += 1,
            (None, b'"' | b'\'') => quote = Some(*byte),
            (None, b' ' | b'\t' | b'\r' | b'\n' | b';' | b'&' | b'|' | b'(' | b')' | b'`') => break,
            (Some(open), byte) if open == *byte => quote = None,
            _ => {}
        }
        at += 1;
    }
    at.min(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uses_of_package_managers() {
        for (script, used) in [
            ("apt-get update && apt-get install -y curl", &["apt-get", "apt-get"][..]),
            ("set -e\n  apk --no-cache -t .deps add git", &["apk"]),
            ("if ! command -v jq; then sudo -E apt-get -o Dpkg::Use-Pty=0 \\\n install jq; fi", &["apt-get"]),
            ("DEBIAN_FRONTEND=noninteractive /usr/bin/apt-get -qq update", &["apt-get"]),
            ("x=$(pip3 install --quiet x)", &["pip3"]),
            ("python3 -m pip install x | tee log", &["pip"]),
            ("(yum -y install x)&", &["yum"]),
            ("npm ci", &["npm"]),
            ("apt-get --version; apk --help; pip list", &[]),
            ("echo 'apt-get install x' \"; apt-get install y\"", &[]),
            ("rm -rf /etc/apt /var/lib/apt/lists # ; apt-get update", &[]),
            ("# apt-get update\necho apk add curl", &[]),
            ("cat <<EOF > Dockerfile\napt-get install x\nEOF\ntrue", &[]),
            ("cat << 'EOF'\napk add x\nEOF\napk add y", &["apk"]),
            ("chroot /host apt-get install x; nsenter -t 1 -- apt install y", &[]),
            ("npm run update; python3 -m http.server install", &[]),
            ("which pip && ./install.sh pip install", &[]),
            ("echo \"unterminated", &[]),
            ("\\", &[]),
            ("<<", &[]),
        ] {
            let found: Vec<_> = in_script(script).map(|manager| manager.name).collect();
            assert_eq!(found, used, "{script}");
        }
    }
}
