//! The manifests for Kubernetes: commands, settings, probes, and what a pod may do.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::{Value, json};

use crate::program::{assert_command, assert_settings, path, texts, yaml};

const FOLDER: &str = "deploy/kubernetes";

/// All objects of all files, but for the list of files itself.
fn objects() -> Vec<Value> {
    let files = std::fs::read_dir(path(FOLDER)).unwrap().map(|entry| entry.unwrap().file_name());
    let mut objects = Vec::new();
    for name in files.map(|name| name.into_string().unwrap()) {
        if name != "kustomization.yaml" {
            objects.extend(yaml(&format!("{FOLDER}/{name}")));
        }
    }
    objects
}

fn of_kind(kind: &str) -> Vec<Value> {
    let found: Vec<_> = objects().into_iter().filter(|object| object["kind"] == kind).collect();
    assert!(!found.is_empty(), "no {kind}");
    found
}

fn pods() -> Vec<Value> {
    let of_deployments =
        of_kind("Deployment").into_iter().map(|mut found| found["spec"]["template"]["spec"].take());
    let jobs = of_kind("CronJob").into_iter();
    let of_jobs = jobs.map(|mut found| found["spec"]["jobTemplate"]["spec"]["template"]["spec"].take());
    of_deployments.chain(of_jobs).collect()
}

fn containers() -> Vec<Value> {
    let lists =
        pods().into_iter().flat_map(|mut pod| [pod["initContainers"].take(), pod["containers"].take()]);
    lists.filter_map(|list| list.as_array().cloned()).flatten().collect()
}

#[test]
fn every_file_is_applied_but_the_example_of_a_secret() {
    let listed = yaml(&format!("{FOLDER}/kustomization.yaml")).remove(0);
    let mut expected: BTreeSet<String> = texts(&listed["resources"]).into_iter().map(str::to_owned).collect();
    expected.extend(["kustomization.yaml".to_owned(), "secret.example.yaml".to_owned()]);
    let files = std::fs::read_dir(path(FOLDER)).unwrap();
    let files: BTreeSet<_> = files.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(files, expected);
    // What puts the files together says more, where it is installed.
    if let Ok(built) = Command::new("kubectl").arg("kustomize").arg(path(FOLDER)).output() {
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    }
}

#[test]
fn containers_run_commands_of_the_program_with_settings_of_it() {
    let commands: Vec<_> = containers().iter().map(|container| container["args"].clone()).collect();
    for command in &commands {
        assert_command(&texts(command));
    }
    for needed in ["migrate", "serve", "fetch", "process", "summary", "maintain", "reconcile", "verify"] {
        assert_eq!(commands.iter().filter(|command| command[0] == needed).count(), 1, "{needed}");
    }
    for (kind, field) in [("ConfigMap", "data"), ("Secret", "stringData")] {
        for object in of_kind(kind) {
            assert_settings(object[field].as_object().unwrap().keys().map(String::as_str));
        }
    }
    let secrets = of_kind("Secret").remove(0);
    for needed in ["DATABASE_URL", "API_KEY", "ADMIN_API_KEY", "METRICS_API_KEY"] {
        assert!(secrets["stringData"][needed].is_string(), "{needed}");
    }
}

#[test]
fn probes_ask_what_they_are_meant_to_ask() {
    let serving = of_kind("Deployment").remove(0)["spec"]["template"]["spec"]["containers"][0].take();
    // Liveness that depends on anything restarts healthy pods.
    for (probe, path) in
        [("startupProbe", "/healthz"), ("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")]
    {
        assert_eq!(serving[probe]["httpGet"], json!({"path": path, "port": "http"}), "{probe}");
    }
    assert_eq!(serving["ports"][0], json!({"name": "http", "containerPort": 3000}));
}

#[test]
fn jobs_do_not_overlap_and_pods_may_do_nothing_that_they_need_not() {
    for job in of_kind("CronJob") {
        assert_eq!(job["spec"]["concurrencyPolicy"], "Forbid");
        assert_eq!(job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["restartPolicy"], "Never");
    }
    for pod in pods() {
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
        assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
        assert_eq!(pod["automountServiceAccountToken"], false);
        // Long enough for requests and batches at hand.
        assert!(pod["terminationGracePeriodSeconds"].as_i64().unwrap() > 30);
    }
    for container in containers() {
        let context = &container["securityContext"];
        assert_eq!(context["allowPrivilegeEscalation"], false);
        assert_eq!(context["readOnlyRootFilesystem"], true);
        assert_eq!(context["capabilities"]["drop"], json!(["ALL"]));
        assert!(container["resources"]["limits"]["memory"].is_string());
        assert_eq!(container["image"], "buffalo");
    }
}
