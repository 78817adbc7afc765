//! Which calls of the control API there are. The router, the error for a call there is not, and the catalogue are made
//! from this one list.

/// Declares the calls, each with its method, its path below `/_emulator/` and what it does.
macro_rules! calls {
    ($($name:ident = $method:literal $path:literal,)+) => {
        /// A call of the control API.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Call { $($name,)+ }

        /// All of them, with method and path. `{id}` stands for one segment of the path.
        pub(super) const ALL: &[(Call, &str, &str)] = &[$((Call::$name, $method, $path),)+];
    };
}

calls! {
    State = "GET" "state",
    Live = "GET" "live",
    Conversation = "GET" "conversations/{id}",
    Trace = "GET" "conversations/{id}/trace.svg",
    Journal = "GET" "journal",
    Catalogue = "GET" "catalogue",
    StateFile = "GET" "state/file",
    SaveState = "POST" "state/save",
    Settings = "GET" "settings",
    ChangeSettings = "POST" "settings",
    ChangeKey = "POST" "keys",
    RemoveKey = "DELETE" "keys/{id}",
    Profile = "POST" "profile",
    Reset = "POST" "reset",
    Clock = "POST" "clock",
    OwnerReply = "POST" "owner/reply",
    OwnerTakeover = "POST" "owner/takeover",
    OwnerHandback = "POST" "owner/handback",
    Push = "POST" "push",
    CloseSockets = "POST" "sockets/close",
    UserTokens = "POST" "user-tokens",
    ChatTokens = "POST" "chat-tokens",
    Faults = "GET" "faults",
    AddFaults = "POST" "faults",
    ClearFaults = "DELETE" "faults",
    ClearFaultsToo = "POST" "faults/clear",
    RemoveFault = "DELETE" "faults/{id}",
}

/// The call of a method and a path, with what stands in the place of `{id}`.
pub(super) fn find<'a>(method: &str, path: &'a str) -> Option<(Call, &'a str)> {
    ALL.iter().filter(|(_, of, _)| *of == method).find_map(|(call, _, pattern)| {
        let id = match pattern.split_once("{id}") {
            None => (*pattern == path).then_some("")?,
            Some((before, behind)) => path.strip_prefix(before)?.strip_suffix(behind)?,
        };
        let is_segment = !pattern.contains("{id}") || !(id.is_empty() || id.contains('/'));
        is_segment.then_some((*call, id))
    })
}

/// All calls in words: `GET state, live, …; POST …`.
pub(super) fn listed() -> String {
    let of = |method: &str| {
        let paths = ALL.iter().filter(|(_, of, _)| *of == method).map(|(_, _, path)| *path);
        format!("{method} {}", paths.collect::<Vec<_>>().join(", "))
    };
    ["GET", "POST", "DELETE"].map(of).join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_found_by_its_method_and_its_whole_path() {
        assert_eq!(find("GET", "state"), Some((Call::State, "")));
        assert_eq!(find("GET", "conversations/17"), Some((Call::Conversation, "17")));
        assert_eq!(find("DELETE", "faults/3"), Some((Call::RemoveFault, "3")));
        for (method, path) in [
            ("POST", "state"),
            ("DELETE", "faults/"),
            ("DELETE", "faults/1/2"),
            ("GET", "statement"),
            ("GET", ""),
        ] {
            assert_eq!(find(method, path), None, "{method} {path}");
        }
    }

    #[test]
    fn every_call_is_listed_and_no_path_hides_another() {
        for (call, method, path) in ALL {
            assert!(listed().contains(path), "{path}");
            assert_eq!(find(method, &path.replace("{id}", "1")).map(|found| found.0), Some(*call), "{path}");
        }
    }
}
