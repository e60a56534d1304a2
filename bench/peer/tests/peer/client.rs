//! That the client answers each job with the figures that belong to it.

use serde_json::{Value, json};

use crate::process::{Process, Servers};

/// A job that is over soon.
fn job(servers: &Servers, workload: &str, secure: bool) -> Value {
    json!({
        "workload": workload,
        "tls": secure,
        "resumed": secure,
        "host": "127.0.0.1",
        "ports": servers.announced[if secure { "tls" } else { "plain" }],
        "ca": servers.announced["ca"],
        "size": 1000,
        "bytes": 1_000_001,
        "seconds": 0.02,
        "sockets": 10,
    })
}

#[test]
fn each_workload_has_its_figures() {
    let servers = Servers::start();
    let mut client = Process::start(&["client"]);
    assert_eq!(client.next(), json!({ "ready": "rust" }));
    for (workload, figures) in [
        ("roundtrip", &["cpu_s", "mean_us", "p50_us", "p99_us", "rounds_per_s"][..]),
        ("download", &["cpu_s", "cpu_s_per_gb", "mb_per_s"]),
        ("upload", &["cpu_s", "cpu_s_per_gb", "mb_per_s"]),
        ("connect", &["connects_per_s", "cpu_s", "cpu_us_per_connect", "sequential_connects_per_s"]),
        ("pingpong", &["cpu_s", "cpu_us_per_round", "rounds_per_s"]),
        ("idle", &["kib_per_socket"]),
    ] {
        for tls in [false, true] {
            let answer = client.ask(&job(&servers, workload, tls).to_string());
            let members = answer.as_object().unwrap();
            assert_eq!(members.keys().collect::<Vec<_>>(), figures, "{answer}");
            for (name, figure) in members {
                // What few sockets need may fit into memory that is there already.
                let least = if workload == "idle" { 0.0 } else { f64::MIN_POSITIVE };
                assert!(
                    figure.as_f64().is_some_and(|figure| figure >= least),
                    "{workload}: {name} in {answer}"
                );
            }
        }
    }
    assert!(client.end().success());
}

#[test]
fn a_job_that_fails_is_answered_by_its_error_and_others_may_follow() {
    let servers = Servers::start();
    let mut client = Process::start(&["client"]);
    client.next();
    let good = job(&servers, "roundtrip", true);
    let mut unknown = good.clone();
    unknown["workload"] = json!("knitting");
    let mut mistrusted = good.clone();
    mistrusted["ca"] = json!("");
    let mut without_tickets = job(&servers, "connect", true);
    without_tickets["ports"]["echo"] = servers.announced["tls"]["echo_no_tickets"].clone();
    for (bad, says) in [
        ("{", "EOF"),
        (unknown.to_string().as_str(), "knitting"),
        (mistrusted.to_string().as_str(), "UnknownIssuer"),
        (without_tickets.to_string().as_str(), "did not resume"),
    ] {
        let answer = client.ask(bad);
        assert!(answer["error"].as_str().is_some_and(|error| error.contains(says)), "{answer}");
    }
    assert!(client.ask(&good.to_string())["p50_us"].is_number());
}

#[test]
fn a_job_can_be_an_argument() {
    let servers = Servers::start();
    let mut client = Process::start(&["client", &job(&servers, "pingpong", true).to_string()]);
    assert!(client.next()["rounds_per_s"].is_number());
    assert!(client.end().success());
}
