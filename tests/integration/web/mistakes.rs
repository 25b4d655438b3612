//! Bad web configurations, one a file in tests/config/web, with the exact messages in its comments. Certificates are made for them.

use std::fs;
use std::process::Command;

use sentinel_exporter::access::Reading;

use super::{ASKING, TLS, USERS};
use crate::support::certs::Certs;
use crate::support::exporter::Setup;
use crate::support::tempdir::TempDir;

const FILES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/config/web");

/// A folder with what the files name: certificates and keys, and texts that are none.
fn folder() -> TempDir {
    let (certs, folder) = (Certs::new(), TempDir::new("mistakes"));
    for (name, from) in [
        ("server.crt", &certs.localhost.cert),
        ("server.key", &certs.localhost.key),
        ("another.key", &certs.elsewhere.key),
        ("ca.crt", &certs.ca),
    ] {
        fs::copy(from, folder.join(name)).unwrap();
    }
    fs::write(folder.join("empty.pem"), "").unwrap();
    fs::write(folder.join("bytes.pem"), [0xff, 0xfe]).unwrap();
    let cut = fs::read_to_string(&certs.localhost.cert).unwrap();
    fs::write(folder.join("cut.crt"), &cut[..cut.len() / 2]).unwrap();
    folder
}

/// The mistakes in `text`, as a file of the folder.
fn mistakes(folder: &TempDir, text: impl AsRef<[u8]>) -> Vec<String> {
    let file = folder.join("web.yml");
    fs::write(&file, text).unwrap();
    let found = Reading::new(Some(&file)).checked().err().map(|mistakes| mistakes.0).unwrap_or_default();
    let shown = format!("{}/", folder.path().display());
    found.iter().map(|line| line.replace(&shown, "").strip_prefix("web.yml: ").expect("the file's name").to_owned()).collect()
}

#[test]
fn every_mistake_has_its_message() {
    let folder = folder();
    let mut files: Vec<_> = fs::read_dir(FILES).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() > 30);
    let mut wrong = String::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let expected: Vec<_> = text.lines().map_while(|line| line.strip_prefix("# ")).collect();
        let found = mistakes(&folder, &text);
        assert!(!found.iter().any(|line| line.contains("hunter2")), "{} tells a secret: {found:#?}", file.display());
        if expected.is_empty() || found != expected {
            wrong += &format!("{}: found\n# {}\n", file.display(), found.join("\n# "));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn a_file_that_cannot_be_read_is_a_mistake() {
    let folder = folder();
    assert_eq!(mistakes(&folder, [0xff]), ["expected text in UTF-8"]);
    let missing = Reading::new(Some(&folder.join("nowhere.yml"))).checked().err().expect("it is not there");
    assert!(missing.0[0].ends_with("nowhere.yml: No such file or directory (os error 2)"), "{missing}");
}

#[test]
fn keys_that_are_not_spoken_are_named() {
    let folder = folder();
    let expected = "expected a private key of RSA with 2048 to 8192 bits, of ECDSA with P-256 or P-384, or of Ed25519";
    for algorithm in ["rsa:1024", "ec -pkeyopt ec_paramgen_curve:P-521"] {
        let request = "req -x509 -nodes -subj /CN=localhost -days 1 -out server.crt -keyout server.key -newkey";
        let arguments = request.split(' ').chain(algorithm.split(' '));
        let output = Command::new("openssl").args(arguments).current_dir(folder.path()).output().expect("openssl runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(mistakes(&folder, TLS), [format!("tls_server_config.key_file: {expected}")], "{algorithm}");
    }
}

#[test]
fn a_variable_is_text_like_any_other() {
    let folder = folder();
    let headers = "http_server_config: {headers: {Content-Security-Policy: \"${HOME} ${\"}}\n";
    assert_eq!(mistakes(&folder, headers), [""; 0]);
}

#[test]
fn what_is_good_is_good_to_promtool_too() {
    let folder = folder();
    for text in [
        String::new(),
        TLS.to_owned(),
        USERS.to_owned(),
        "basic_auth_users:\n".to_owned(),
        format!("{TLS}{ASKING}{USERS}"),
        format!("{TLS}  client_auth_type: \"\"\n"),
        format!("{TLS}  min_version: TLS13\n  max_version: TLS13\n  curve_preferences: [X25519, CurveP256, CurveP384]\n"),
        format!("{TLS}  cipher_suites: [TLS_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]\n"),
        "http_server_config: {http2: false, headers: {X-Frame-Options: sameorigin, X-XSS-Protection: \"\"}}\n".to_owned(),
    ] {
        assert_eq!(mistakes(&folder, &text), [""; 0], "{text}");
        let output = Command::new("promtool").args(["check", "web-config"]).arg(folder.join("web.yml")).output();
        let output = output.expect("promtool is not in PATH: install the package prometheus");
        assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    }
    // What newer versions of exporter-toolkit know, and Debian's promtool does not.
    for text in ["rate_limit: {interval: 100ms, burst: 5}", "rate_limit: {interval: 0}", "rate_limit: {}"] {
        assert_eq!(mistakes(&folder, text), [""; 0], "{text}");
    }
}

#[test]
fn the_configuration_is_checked_with_it() {
    let folder = folder();
    let check = |config: &str, arguments: &[&str]| {
        let setup = arguments.iter().fold(Setup::new(config), |setup, argument| setup.argument(argument));
        for name in ["server.crt", "server.key", "ca.crt"] {
            fs::copy(folder.join(name), setup.folder().join(name)).unwrap();
        }
        fs::write(setup.folder().join("web.yml"), "basic_auth_users: {a: b}\nunheard_of: 1\n").unwrap();
        fs::write(setup.folder().join("good.yml"), TLS).unwrap();
        let shown = format!("{}/", setup.folder().display());
        let output = setup.argument("--config.check").output();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).replace(&shown, ""))
    };
    let told = "The configuration is not valid:\n\
        sentinel.yml: web.config_file: web.yml: basic_auth_users[0]: expected the bcrypt hash of a password, such as htpasswd -nB makes it\n\
        sentinel.yml: web.config_file: web.yml: unheard_of: unknown key; expected one of basic_auth_users, http_server_config, rate_limit, tls_server_config\n\
        sentinel.yml: web.unknown: unknown key; expected one of config_file, enable_lifecycle, listen_address, telemetry_path\n";
    assert_eq!(check("web: {config_file: web.yml, unknown: 1}", &[]), (Some(1), told.to_owned()));
    assert_eq!(check("web: {config_file: good.yml}", &[]).0, Some(0));
    // The command line's is in force, and the other is not even read.
    assert_eq!(check("web: {config_file: web.yml}", &["--web.config.file=good.yml"]).0, Some(0));
    let (code, told) = check("web: {config_file: good.yml}", &["--web.config.file=web.yml"]);
    assert_eq!((code, told.lines().count()), (Some(1), 3), "{told}");
}
