//! What a host decides, as text: its parts agree with each other about each target.

use std::net::{IpAddr, SocketAddr};

use wintersock::{
    config::Config,
    endpoint::{Endpoint, UnixName},
    policy::{Exceptions, Policy, Spelling, spelling},
    proxy::{Kind, Proxy},
    target::{Place, Target},
    tls::{Credentials, Handshake, Options, Versions},
};

use crate::text::{check, lines};

pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let of = |key| lines(text, key).map(str::to_owned).collect::<Vec<_>>();
    let (allow, deny, except) = (of("allow"), of("deny"), of("except"));
    versions(text);
    for name in lines(text, "sni") {
        server_name(name);
    }
    let has_allow = text.contains("allow");
    let policy = Policy::parse(has_allow.then_some(&allow[..]), &deny);
    let (Ok(policy), Ok(except)) = (policy, Exceptions::parse(&except)) else { return };
    let kind = if text.contains("socks5h") { Kind::Socks5h } else { Kind::Socks5 };
    let proxy =
        Proxy { kind, host: "proxy".into(), port: 1, credentials: None, text: "socks5://proxy".into() };
    let config = Config { policy, proxy: Some((proxy, except)), ..Config::default() };
    let port = lines(text, "port").find_map(|port| port.parse().ok()).unwrap_or(443);
    let addresses: Vec<IpAddr> = lines(text, "address").filter_map(|address| address.parse().ok()).collect();
    for host in lines(text, "host") {
        targeted(&config, host, port, &addresses, lines(text, "name").next());
    }
    for path in lines(text, "path") {
        socket(&config, path);
    }
}

fn target(place: Place, name: Option<&str>) -> Target {
    Target { place, text: "target:1".into(), name: name.map(str::to_owned), family: None, timeout: None }
}

fn targeted(config: &Config, host: &str, port: u16, addresses: &[IpAddr], name: Option<&str>) {
    let target = target(Place::Host { host: host.into(), port }, name);
    let checked = config.check(&target);
    if let Err(error) = &checked {
        check(error, &["ERR_ACCESS_DENIED"]);
    }
    let endpoints: Vec<Endpoint> = match target.literal() {
        Some(address) => vec![address.into()],
        None => addresses.iter().map(|ip| SocketAddr::new(*ip, port).into()).collect(),
    };
    let permitted = config.permitted(&target, endpoints.clone());
    if let Err(error) = &permitted {
        check(error, &["ERR_ACCESS_DENIED"]);
    }
    // Each alone is judged as it is among others.
    let let_through = permitted.as_deref().unwrap_or_default();
    assert!(let_through.iter().all(|endpoint| endpoints.contains(endpoint)), "{permitted:?}");
    for endpoint in &endpoints {
        let alone = config.permitted(&target, vec![endpoint.clone()]).is_ok();
        assert_eq!(alone, let_through.contains(endpoint), "{endpoint}");
    }
    // What is refused at once is refused later, too; what an address is, it stays.
    if target.literal().is_some() {
        assert_eq!(checked.is_ok(), permitted.is_ok(), "{host:?}");
    } else if checked.is_err() && spelling(host) == Spelling::Name && name.is_none() && !endpoints.is_empty()
    {
        assert!(permitted.is_err(), "{host:?}");
    }
    let Some(proxy) = config.proxy_for(&target) else { return };
    if config.tells_name(proxy, &target) {
        assert!(!proxy.resolves_here() && target.literal().is_none(), "{host:?}");
        assert!(config.policy.vouches_for(host, port) && config.policy.host(host, port).is_ok(), "{host:?}");
    }
}

fn socket(config: &Config, path: &str) {
    let name = UnixName(path.into());
    let target = target(Place::Unix(name.clone()), None);
    assert_eq!(config.check(&target).is_ok(), config.policy.unix("", &name).is_ok(), "{path:?}");
    assert!(config.proxy_for(&target).is_none(), "a socket is reached by no proxy");
}

fn versions(text: &str) {
    let (minimum, maximum) = (lines(text, "min").next(), lines(text, "max").next());
    match Versions::between(minimum, maximum) {
        Err(error) => check(&error, &["ERR_INVALID_OPTION"]),
        Ok(_) => {
            let is_version = |name: &str| name == "TLSv1.2" || name == "TLSv1.3";
            assert!(minimum.is_none_or(is_version) && maximum.is_none_or(is_version));
        }
    }
}

fn server_name(name: &str) {
    let credentials = Credentials::new(Options::default()).expect("no options");
    match Handshake::new(name, None, &credentials) {
        Err(error) => check(&error, &["ERR_INVALID_SNI"]),
        Ok(handshake) => {
            let read = handshake.server_name();
            match name.parse::<IpAddr>() {
                Ok(_) => assert!(matches!(read, rustls_pki_types::ServerName::IpAddress(_)), "{name:?}"),
                Err(_) => {
                    assert!(
                        name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)),
                        "{name:?}"
                    );
                }
            }
        }
    }
}
