//! Lists texts at the edges of the grammar of references.

/// Written by hand: names, hosts, cases, lengths, tags, digests and what is not text at all.
pub(crate) fn written() -> Vec<String> {
    let lists = [HOSTS, CASES, PATHS, TAGS, UNPRINTABLE];
    let mut texts: Vec<String> = lists.into_iter().flatten().map(|&text| text.to_owned()).collect();
    texts.extend(lengths());
    texts.extend(digests());
    texts
}

const HOSTS: &[&str] = &[
    "docker.io/nginx",
    "docker.io/library/nginx",
    "index.docker.io/nginx",
    "index.docker.io/library/nginx:1",
    "registry-1.docker.io/nginx",
    "registry-1.docker.io/library/nginx:1",
    "registry-1.docker.io/acme/dhi-nginx:1",
    "registry-1.docker.io",
    "registry-1.docker.io/",
    "registry-1.docker.io:443/nginx",
    "docker.io",
    "docker.io/",
    "docker.io:443/nginx",
    "docker.io./nginx",
    "Docker.io/nginx",
    "localhost",
    "localhost/nginx",
    "localhost:5000",
    "localhost:5000/nginx:1",
    "localhost./nginx",
    "registry:5000/a",
    "registry:/a",
    "registry:port/a",
    "registry:5000000000000000000000/a",
    "registry:-1/a",
    "registry:50:50/a",
    ":5000/a",
    "127.0.0.1/a",
    "127.0.0.1:5000/a:1",
    "256.256.256.256/a",
    "1/a",
    "1.2/a",
    ".example.com/a",
    "example.com./a",
    "example..com/a",
    "-example.com/a",
    "example.com-/a",
    "exa--mple.com/a",
    "example.-com/a",
    "ex_ample.com/a",
    "ex_ample.com/a:1",
    "ex_ample.com:5000/a",
    "ex__ample.com/a/b@sha256:0000000000000000000000000000000000000000000000000000000000000000",
    "ex___ample.com/a",
    "_example.com/a",
    "ex_Ample.com/a",
    "ex_ample/a",
    "ex_ample",
    "[::1]/a",
    "[::1]:5000/a:1",
    "[fd00:10::5]:5000/redis:8",
    "[2001:DB8::Ff]/a",
    "[::ffff:127.0.0.1]/a",
    "[fe80::1%eth0]/a",
    "[]/a",
    "[:]/a",
    "[ab]/a",
    "[AB]/a",
    "[AB]:1/a",
    "[::1/a",
    "::1]/a",
    "::1/a",
    "[::1]]/a",
    "[[::1]]/a",
    "[::1]5000/a",
    "[::1]:/a",
    "[::1].com/a",
    "[::1]",
    "user@example.com/a",
    "https://example.com/a",
    "//example.com/a",
    "xn--n3h.com/a",
];

const CASES: &[&str] = &[
    "Nginx",
    "NGINX:1",
    "library/Nginx",
    "Library/nginx",
    "LIBRARY/nginx:1",
    "A/b",
    "A/B",
    "A.b/c",
    "a.B/c:D",
    "nginx:LATEST",
    "localhost/Nginx",
    "LocalHost/nginx",
    "a/b@SHA256:0000000000000000000000000000000000000000000000000000000000000000",
    "\u{c9}/a",
    "\u{1c5}/a",
    "\u{212a}/a",
    "a/\u{130}",
];

const PATHS: &[&str] = &[
    "",
    "/",
    "//",
    "a/",
    "/a",
    "a//b",
    "a/b/c/d/e/f/g",
    "a.b",
    "a..b",
    "a._b",
    "a_.b",
    "a_b",
    "a__b",
    "a___b",
    "a____b",
    "a-b",
    "a-------b",
    "a-_b",
    "a.-b",
    "-a",
    "a-",
    ".a",
    "a.",
    "_a",
    "a_",
    "a/.b",
    "a/b-",
    "a/b__c--d.e",
    "0",
    "0/0",
    "a b",
    "a+b",
    "a%2Fb",
    "a\\b",
    "${image}",
    "{{ .Values.image }}",
    "<image_url>",
    "auto",
];

const TAGS: &[&str] = &[
    "a:",
    "a:1",
    "a:_",
    "a:-",
    "a:.",
    "a:1:2",
    "a:1/b",
    "a/b:1/c",
    "a:A.b-C_d",
    "a:1+2",
    "a: 1",
    "a:1 ",
    "a:\u{e9}",
    "a:\u{661}",
    ":1",
    "@",
    "a@",
    "a@b",
    "a@:",
    "a@sha256",
    "a@sha256:",
    "a:@sha256:0000000000000000000000000000000000000000000000000000000000000000",
    "a@sha256:0000000000000000000000000000000000000000000000000000000000000000:1",
];

const UNPRINTABLE: &[&str] = &[
    " ",
    " nginx",
    "nginx ",
    "nginx\n",
    "nginx:1\n",
    "\nnginx",
    "nginx\r\n:1",
    "ngi\tnx",
    "nginx:1\0",
    "\0",
    "\u{feff}nginx",
    "nginx\u{200b}",
    "nginx\u{a0}",
    "\u{ff4e}ginx",
    "caf\u{e9}",
    "cafe\u{301}",
    "\u{1f433}/a",
    "\u{1f433}.com/a",
    "a/\u{1f433}:1",
    "\u{202e}xnign",
    "\u{7f}",
    "\u{fffd}",
    "\u{10ffff}",
];

/// One below, at and above each limit: 255 characters of path, `library/` included, and 128 of tag.
fn lengths() -> Vec<String> {
    let mut texts = Vec::new();
    for length in [246, 247, 248, 254, 255, 256, 1000] {
        let name = "a".repeat(length);
        for host in
            ["", "docker.io/", "index.docker.io/", "registry-1.docker.io/", "example.com/", "ex_ample.com/", "b/"]
        {
            texts.push(format!("{host}{name}"));
            texts.push(format!("{host}{name}:tag"));
        }
        texts.push(format!("{name}.com/a"));
        texts.push("a/".repeat(length / 2) + "a");
    }
    texts.extend([127, 128, 129, 1000].map(|length| format!("a:{}", "t".repeat(length))));
    texts.extend([63, 64, 65].map(|length| "0".repeat(length)));
    texts.extend(["F".repeat(64), "g".repeat(64), format!("a/{}", "f".repeat(64)), format!("{}:1", "f".repeat(64))]);
    texts
}

/// Every algorithm with its own and the others' lengths, in both cases, with and without a tag.
fn digests() -> Vec<String> {
    let algorithms =
        ["sha256", "sha384", "sha512", "sha1", "md5", "SHA256", "sha-256", "sha256+b64", "blake3", "a.b", "1a", ""];
    let mut texts = Vec::new();
    for algorithm in algorithms {
        for length in [0, 1, 31, 32, 40, 63, 64, 65, 95, 96, 97, 127, 128, 129] {
            for digit in ["0", "f", "F", "g", "="] {
                let digits = digit.repeat(length);
                texts.push(format!("a@{algorithm}:{digits}"));
                texts.push(format!("example.com:5000/a/b:1@{algorithm}:{digits}"));
            }
        }
    }
    texts
}
