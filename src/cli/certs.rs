//! Implements `quench certs`: writes a certificate authority and a serving certificate to files.

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail};
use quench_certs::Authority;
use tempfile::NamedTempFile;

use super::dns_label;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const CERTIFICATE_MODE: u32 = 0o644;
const KEY_MODE: u32 = 0o600;

/// Make a certificate authority and a serving certificate, and write ca.crt, ca.key, tls.crt and tls.key (PEM)
#[derive(Debug, clap::Args)]
pub(super) struct Certs {
    /// Directory for the files; it is created if missing
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Name of the Service that the API server calls; the certificate is valid for its DNS names
    #[arg(long, value_name = "NAME", default_value = "quench", value_parser = dns_label)]
    service: String,
    /// Namespace of that Service
    #[arg(long, value_name = "NAME", default_value = "quench", value_parser = dns_label)]
    namespace: String,
    /// Lifetime of both certificates, in days
    #[arg(long, value_name = "DAYS", default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=36_500))]
    days: u32,
    /// Replace existing files
    #[arg(long)]
    force: bool,
}

impl Certs {
    pub(super) fn run(self) -> Result<ExitCode> {
        let names = ["ca.crt", "ca.key", "tls.crt", "tls.key"].map(|name| self.out.join(name));
        self.check(&names)?;
        fs::create_dir_all(&self.out).with_context(|| format!("cannot make the directory {}", self.out.display()))?;
        let contents = self.make()?;
        // All files are written under temporary names before the first is renamed: a full disk leaves no half set.
        let files: Vec<_> = names.iter().zip(contents).collect();
        let written: Vec<_> = files
            .into_iter()
            .map(|(path, (text, mode))| Ok((path, write(&self.out, &text, mode)?)))
            .collect::<Result<_>>()?;
        for (path, file) in written {
            let kept = if self.force { file.persist(path) } else { file.persist_noclobber(path) };
            kept.with_context(|| format!("cannot write {}", path.display()))?;
            eprintln!("wrote {}", path.display());
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Fails if a file exists and `--force` is not given, or if one of the paths is a directory.
    fn check(&self, paths: &[PathBuf]) -> Result<()> {
        for path in paths {
            match fs::symlink_metadata(path) {
                Ok(found) if found.is_dir() => bail!("{} is a directory", path.display()),
                Ok(_) if !self.force => bail!("{} exists: use another --out, or --force to replace it", path.display()),
                _ => {}
            }
        }
        Ok(())
    }

    /// Returns the contents and modes of the four files.
    fn make(&self) -> Result<[(String, u32); 4]> {
        let (now, lifetime) = (SystemTime::now(), DAY * self.days);
        let Self { service, namespace, .. } = self;
        let in_cluster = [
            format!("{service}.{namespace}.svc"),
            format!("{service}.{namespace}.svc.cluster.local"),
            format!("{service}.{namespace}"),
            service.clone(),
        ];
        let names = in_cluster.iter().map(String::as_str).chain(["localhost", "127.0.0.1", "::1"]);
        let authority = Authority::new("quench certificate authority", now, lifetime)?;
        let leaf = authority.issue(names, now, lifetime)?;
        Ok([
            (authority.certificate_pem(), CERTIFICATE_MODE),
            (authority.key_pem(), KEY_MODE),
            (leaf.certificate_pem(), CERTIFICATE_MODE),
            (leaf.key_pem(), KEY_MODE),
        ])
    }
}

/// Writes a temporary file into the directory; the caller gives it its final name.
fn write(directory: &Path, text: &str, mode: u32) -> Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    let unnamed = builder.prefix(".quench-").permissions(Permissions::from_mode(mode)).tempfile_in(directory);
    unnamed
        .and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.as_file().sync_all()?;
            Ok(file)
        })
        .with_context(|| format!("cannot write into {}", directory.display()))
}
