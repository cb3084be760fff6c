//! The units for systemd: commands, times, and what a unit may do.

use std::process::Command;

use crate::program::{assert_command, file, path};

const FOLDER: &str = "deploy/systemd";

fn units() -> Vec<(String, String)> {
    let files = std::fs::read_dir(path(FOLDER)).unwrap();
    let names = files.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut units: Vec<_> = names.map(|name| (name.clone(), file(&format!("{FOLDER}/{name}")))).collect();
    units.sort();
    units
}

/// The values of a key, in their order.
fn values<'a>(unit: &'a str, key: &str) -> Vec<&'a str> {
    unit.lines()
        .filter_map(|line| line.split_once('='))
        .filter(|(name, _)| *name == key)
        .map(|(_, value)| value)
        .collect()
}

#[test]
fn units_start_commands_of_the_program() {
    let mut started = 0;
    for (name, unit) in units() {
        for key in ["ExecStart", "ExecStartPre"] {
            for command in values(&unit, key) {
                let words = command.strip_prefix("/usr/local/bin/buffalo ").unwrap();
                if words != "%i" {
                    assert_command(&words.split(' ').collect::<Vec<_>>());
                    started += 1;
                }
            }
        }
        // The timer of an instance starts the service of that instance.
        if let Some(instance) = name.strip_prefix("buffalo@").and_then(|rest| rest.strip_suffix(".timer")) {
            assert_command(&[instance]);
            assert_eq!(values(&unit, "OnCalendar").len(), 1, "{name}");
            started += 1;
        }
    }
    assert_eq!(started, 8);
}

#[test]
fn both_services_may_do_equally_little() {
    let locked_down = |name: &str| {
        let unit = file(&format!("{FOLDER}/{name}"));
        unit[unit.find("DynamicUser=yes").unwrap()..].split("\n\n").next().unwrap().trim().to_owned()
    };
    let of_service = locked_down("buffalo.service");
    assert_eq!(of_service, locked_down("buffalo@.service"));
    for line in ["NoNewPrivileges=yes", "ProtectSystem=strict", "CapabilityBoundingSet="] {
        assert!(of_service.lines().any(|found| found == line), "{line}");
    }
}

/// Asks systemd itself, where it is installed. The program is not where the units look for it, so they get it from here.
#[test]
fn systemd_finds_nothing_wrong() {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, unit: &str| {
        let unit = unit.replace("/usr/local/bin/buffalo", env!("CARGO_BIN_EXE_buffalo"));
        std::fs::write(directory.path().join(name), unit).unwrap();
    };
    for (name, unit) in units() {
        write(&name, &unit);
        if let Some(instance) = name.strip_suffix(".timer") {
            write(&format!("{instance}.service"), &file(&format!("{FOLDER}/buffalo@.service")));
        }
    }
    let verify = |name: &str| {
        let unit = directory.path().join(name);
        let said = Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(unit).output().unwrap();
        let words = String::from_utf8(said.stderr).unwrap();
        assert!(said.status.success() && words.is_empty(), "{name}: {words}");
    };
    for entry in std::fs::read_dir(directory.path()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name != "buffalo@.service" {
            verify(&name);
        }
    }
}
