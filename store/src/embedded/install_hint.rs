//! The one command that installs PostgreSQL on this system, for the message to users who lack it.

use std::path::Path;

/// An instruction such as ``run `sudo apt-get install postgresql` ``.
pub(super) fn install_hint() -> String {
    let os_release = ["/etc/os-release", "/usr/lib/os-release"]
        .iter()
        .find_map(|path| std::fs::read_to_string(Path::new(path)).ok())
        .unwrap_or_default();
    let command = if cfg!(target_os = "macos") {
        Some("brew install postgresql@17")
    } else {
        install_command(&os_release)
    };
    match command {
        Some(command) if command.starts_with("brew") || rustix::process::geteuid().is_root() => {
            format!("run `{command}`")
        }
        Some(command) => format!("run `sudo {command}`"),
        None => "install it with your system's package manager".to_owned(),
    }
}

/// Chooses by `ID`, then by the families in `ID_LIKE`. Where the plain package is too old (Red Hat 8 and 9)
/// or carries a version (Amazon), the command names one that is new enough.
fn install_command(os_release: &str) -> Option<&'static str> {
    let id = field(os_release, "ID");
    let major = field(os_release, "VERSION_ID").split('.').next().unwrap_or_default();
    let families = field(os_release, "ID_LIKE");
    std::iter::once(id).chain(families.split_whitespace()).find_map(|family| match family {
        "debian" | "ubuntu" => Some("apt-get install postgresql"),
        "amzn" => Some("dnf install postgresql16-server"),
        "rhel" | "centos" if matches!(major, "8" | "9") => Some("dnf module install postgresql:16/server"),
        "fedora" | "rhel" | "centos" => Some("dnf install postgresql-server"),
        "alpine" => Some("apk add postgresql"),
        "arch" => Some("pacman -S postgresql"),
        "suse" | "opensuse" => Some("zypper install postgresql-server"),
        _ => None,
    })
}

/// The value of a `KEY=value` or `KEY="value"` line, empty when there is none.
fn field<'a>(os_release: &'a str, key: &str) -> &'a str {
    os_release
        .lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
        .map(|value| value.trim_matches(['"', '\'']))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::install_command;

    #[test]
    fn the_system_or_its_family_decides() {
        let cases = [
            ("ID=debian\nVERSION_ID=\"12\"", Some("apt-get install postgresql")),
            ("ID=linuxmint\nID_LIKE=\"ubuntu debian\"", Some("apt-get install postgresql")),
            ("ID=fedora\nVERSION_ID=42", Some("dnf install postgresql-server")),
            (
                "ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\nVERSION_ID=\"9.5\"",
                Some("dnf module install postgresql:16/server"),
            ),
            (
                "ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\nVERSION_ID=\"10.0\"",
                Some("dnf install postgresql-server"),
            ),
            ("ID=\"amzn\"\nID_LIKE=\"fedora\"", Some("dnf install postgresql16-server")),
            ("ID=alpine", Some("apk add postgresql")),
            (
                "ID=\"opensuse-tumbleweed\"\nID_LIKE=\"opensuse suse\"",
                Some("zypper install postgresql-server"),
            ),
            ("ID=unheard-of", None),
            ("", None),
        ];
        for (os_release, command) in cases {
            assert_eq!(install_command(os_release), command, "{os_release}");
        }
    }
}
