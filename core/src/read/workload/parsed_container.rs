//! Parses the fields of a container that only hazards need, each once, on first use.

use std::cell::OnceCell;

use super::container::Container;
use crate::read::wire::{List, Raw, Text, fields};

/// A container whose commands, probes, hooks and mounts are parsed on first use. A field of the wrong type counts as
/// absent.
#[derive(Debug)]
pub(crate) struct ParsedContainer<'a> {
    command: Raw<'a>,
    args: Raw<'a>,
    env: Raw<'a>,
    mounts: Raw<'a>,
    lifecycle: Raw<'a>,
    probes: [Raw<'a>; 3],
    command_cell: OnceCell<List<Text<'a>>>,
    args_cell: OnceCell<List<Text<'a>>>,
    env_cell: OnceCell<List<Variable<'a>>>,
    mounts_cell: OnceCell<List<Mount<'a>>>,
    handlers_cell: OnceCell<[Handler<'a>; 5]>,
}

impl<'a> ParsedContainer<'a> {
    pub(crate) fn of(container: &Container<'a>) -> Self {
        Self {
            command: container.command,
            args: container.args,
            env: container.env,
            mounts: container.volume_mounts,
            lifecycle: container.lifecycle,
            probes: [container.liveness_probe, container.readiness_probe, container.startup_probe],
            command_cell: OnceCell::new(),
            args_cell: OnceCell::new(),
            env_cell: OnceCell::new(),
            mounts_cell: OnceCell::new(),
            handlers_cell: OnceCell::new(),
        }
    }

    /// Returns the command, which replaces the image's entrypoint; empty if not set.
    pub(crate) fn command(&self) -> &[Text<'a>] {
        self.command_cell.get_or_init(|| self.command.opened())
    }

    /// Returns the arguments, which replace the image's default arguments; empty if not set.
    pub(crate) fn args(&self) -> &[Text<'a>] {
        self.args_cell.get_or_init(|| self.args.opened())
    }

    /// Returns the environment variables.
    pub(crate) fn env(&self) -> &[Variable<'a>] {
        self.env_cell.get_or_init(|| self.env.opened())
    }

    /// Returns the volume mounts.
    pub(crate) fn mounts(&self) -> &[Mount<'a>] {
        self.mounts_cell.get_or_init(|| self.mounts.opened())
    }

    /// Returns the deepest mount at or above an absolute path; `None` if the path is in no mount.
    pub(crate) fn mount_of(&self, path: &str) -> Option<&Mount<'a>> {
        self.mounts().iter().filter(|mount| mount.holds(path)).max_by_key(|mount| mount.path.len())
    }

    /// Reports whether a hook or a probe may run a command. Most probes only ask a port and need not be parsed.
    pub(crate) fn may_run_handlers(&self) -> bool {
        // The key `exec` may be written with escapes.
        let is_mentioned = |json: &str| json.contains("exec") || json.contains('\\');
        let [liveness, readiness, startup] = self.probes;
        [self.lifecycle, liveness, readiness, startup].into_iter().filter_map(|raw| raw.0).any(is_mentioned)
    }

    /// Returns the hooks and probes: postStart, preStop, liveness, readiness, startup.
    pub(crate) fn handlers(&self) -> &[Handler<'a>] {
        self.handlers_cell.get_or_init(|| {
            let Lifecycle { post_start, pre_stop } = self.lifecycle.opened();
            let [liveness, readiness, startup] = self.probes.map(Raw::opened);
            [post_start, pre_stop, liveness, readiness, startup]
        })
    }
}

/// An entry of `env`.
#[derive(Debug, Default)]
pub(crate) struct Variable<'a> {
    pub(crate) name: Text<'a>,
    /// The literal value; empty if `valueFrom` gives the value.
    pub(crate) value: Text<'a>,
    value_from: Raw<'a>,
}

impl Variable<'_> {
    /// Reports whether `valueFrom` gives the value.
    pub(crate) fn is_from_elsewhere(&self) -> bool {
        self.value_from.0.is_some()
    }

    /// Reports whether the variable has a literal value that is not empty, or one by `valueFrom`.
    pub(crate) fn is_set(&self) -> bool {
        self.is_from_elsewhere() || !self.value.is_empty()
    }
}

fields!(Variable<'a> { "name" => name, "value" => value, "valueFrom" => value_from });

/// An entry of `volumeMounts`.
#[derive(Debug, Default)]
pub(crate) struct Mount<'a> {
    /// The name of the volume.
    pub(crate) name: Text<'a>,
    /// The path in the container.
    pub(crate) path: Text<'a>,
    pub(crate) read_only: bool,
}

fields!(Mount<'a> { "name" => name, "mountPath" => path, "readOnly" => read_only });

impl Mount<'_> {
    /// Reports whether an absolute path is at or below the mount.
    pub(crate) fn holds(&self, path: &str) -> bool {
        !self.path.is_empty() && is_below(path, self.path.trim_end_matches('/'))
    }
}

/// Reports whether a path is the folder itself or lies below it.
pub(crate) fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A lifecycle hook or a probe.
#[derive(Debug, Default)]
pub(crate) struct Handler<'a> {
    exec: Exec<'a>,
    http_get: Target<'a>,
    tcp_socket: Target<'a>,
    grpc: Target<'a>,
}

fields!(Handler<'a> { "exec" => exec, "httpGet" => http_get, "tcpSocket" => tcp_socket, "grpc" => grpc });

impl<'a> Handler<'a> {
    /// Returns the command that runs in the container; empty if the handler runs none.
    pub(crate) fn command(&self) -> &[Text<'a>] {
        &self.exec.command
    }

    /// Returns the port number that the handler asks; `None` for a named port, and if the handler asks no port.
    pub(crate) fn port(&self) -> Option<i64> {
        [&self.http_get, &self.tcp_socket, &self.grpc].into_iter().find_map(|target| target.port.0?.parse().ok())
    }
}

#[derive(Debug, Default)]
struct Exec<'a> {
    command: List<Text<'a>>,
}

fields!(Exec<'a> { "command" => command });

#[derive(Debug, Default)]
struct Target<'a> {
    /// The port: a number, or a name in quotes.
    port: Raw<'a>,
}

fields!(Target<'a> { "port" => port });

#[derive(Debug, Default)]
struct Lifecycle<'a> {
    post_start: Handler<'a>,
    pre_stop: Handler<'a>,
}

fields!(Lifecycle<'a> { "postStart" => post_start, "preStop" => pre_stop });

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::wire;

    #[test]
    fn containers_are_taken_apart() {
        let container: Container<'_> = wire::read(
            r#"{"command":["a","b"],"args":null,"env":[{"name":"X","value":"y"},{"name":"Z","valueFrom":{}}],
                "volumeMounts":[{"name":"data","mountPath":"/data/"},{"name":"deep","mountPath":"/data/deep","readOnly":true}],
                "lifecycle":{"preStop":{"exec":{"command":["sleep","5"]}}},
                "livenessProbe":{"httpGet":{"port":80}},"readinessProbe":{"tcpSocket":{"port":"http"}},"startupProbe":{"exec":{"command":"no list"}}}"#,
        )
        .unwrap();
        let opened = ParsedContainer::of(&container);
        let words = |words: &[Text<'_>]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!((words(opened.command()), words(opened.args())), (vec!["a".to_owned(), "b".to_owned()], vec![]));
        let env: Vec<_> = opened.env().iter().map(|variable| (&*variable.name, &*variable.value)).collect();
        assert_eq!(env, [("X", "y"), ("Z", "")]);
        for (path, volume) in
            [("/data", "data"), ("/data/x", "data"), ("/data/deep/x", "deep"), ("/database", ""), ("/", "")]
        {
            assert_eq!(opened.mount_of(path).map_or("", |mount| &mount.name), volume, "{path}");
        }
        let handlers: Vec<_> =
            opened.handlers().iter().map(|handler| (words(handler.command()), handler.port())).collect();
        assert_eq!(handlers[1], (vec!["sleep".to_owned(), "5".to_owned()], None));
        assert_eq!((handlers[2].1, handlers[3].1, handlers[4].0.len()), (Some(80), None, 0));
    }

    #[test]
    fn most_handlers_run_nothing() {
        for (json, may_run) in [
            (r#"{"command":["exec"],"livenessProbe":{"httpGet":{"port":80}},"lifecycle":{}}"#, false),
            (r#"{"readinessProbe":{"exec":{"command":["x"]}}}"#, true),
            (r#"{"lifecycle":{"preStop":{"\u0065xec":{"command":["x"]}}}}"#, true),
        ] {
            let container: Container<'_> = wire::read(json).unwrap();
            let opened = ParsedContainer::of(&container);
            assert_eq!(opened.may_run_handlers(), may_run, "{json}");
            assert!(may_run || opened.handlers().iter().all(|handler| handler.command().is_empty()), "{json}");
        }
    }
}
