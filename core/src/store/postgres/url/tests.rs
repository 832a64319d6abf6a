use super::*;

fn refused(url: &str) -> String {
    let error = parse(url).err().expect(url);
    assert_eq!(error.code(), "invalid_argument");
    error.to_string()
}

fn ssl_mode(url: &str) -> SslMode {
    parse(url).unwrap().config.get_ssl_mode()
}

#[test]
fn a_server_elsewhere_is_verified_unless_the_url_says_otherwise() {
    assert_eq!(ssl_mode("postgres://u:p@db.example/d"), SslMode::Require);
    for mode in ["require", "verify-ca", "verify-full"] {
        let url = format!("postgresql://u@db/d?sslmode={mode}");
        assert_eq!(ssl_mode(&url), SslMode::Require);
    }
    assert_eq!(
        ssl_mode("postgres://u@db/d?sslmode=prefer"),
        SslMode::Prefer
    );
    assert_eq!(
        ssl_mode("postgres://u@db/d?sslmode=disable"),
        SslMode::Disable
    );
    assert_eq!(ssl_mode("postgres://u@localhost,db/d"), SslMode::Require);
    assert_eq!(
        ssl_mode("postgres://u@localhost/d?hostaddr=192.0.2.1"),
        SslMode::Require
    );
    for here in ["localhost", "127.0.0.1", "[::1]", "%2Frun%2Fpostgresql"] {
        let url = format!("postgres://u@{here}:5432/d");
        assert_eq!(ssl_mode(&url), SslMode::Disable);
    }
}

#[test]
fn a_refusal_says_what_is_wrong() {
    for (url, words) in [
        ("mysql://u@h/d", "begin with"),
        ("postgres:///d", "no host"),
        ("postgres://u@h/d?sslmode=allow", "sslmode"),
        ("postgres://u@h/d?pool_size=0", "pool_size"),
        ("postgres://u@h/d?pool_size=many", "pool_size"),
        ("postgres://u@h/d?create_table=1", "create_table"),
        ("postgres://u@h/d?sslrootcert=/no/such/file", "sslrootcert"),
        ("postgres://u@h:port/d", "`port`"),
        ("postgres://u@h/d?connect_timeout=soon", "connect_timeout"),
        (
            "postgres://u@h/d?application_name=a&colour=blue",
            "the parameter `colour` is unknown",
        ),
        (
            "postgres://u@h/d?sslcert=x",
            "the parameter `sslcert` is unknown",
        ),
        (
            "postgres://u@h/d?password=p&sslkey=x",
            "the parameter `sslkey` is unknown",
        ),
        (
            "postgres://u@h/d?host=",
            "the parameter `host` has no value",
        ),
        ("postgres://u@h/d?Colour=blue", "parameter 1 is unknown"),
        ("postgres://u@h/d?password=a&b=c", "parameter 2 is unknown"),
        ("postgres://u@h/d?schema=x", "options=-csearch_path"),
        ("postgres://u@h/d?ssl=true", "it is sslmode"),
        (
            "postgres://u@h/d?colour=blue",
            "There are create_table, pool_size",
        ),
        ("postgres://u:p@x@h/d", "%40"),
        ("postgres://u@d:p@h/d", "%40"),
        ("postgres://u:p@x@h", "%40"),
        ("postgres://h/d?application_name=a@b", "percent-encoded"),
    ] {
        let text = refused(url);
        assert!(text.contains(words), "{url}: {text}");
    }
}

#[test]
fn no_refusal_repeats_a_password() {
    for url in [
        "postgres://u:canary@h/d?sslmode=x",
        "postgres://u:ca?canary@h/d",
        "postgres://u:c/canary@h/d",
        "postgres://u:p@canary@h:1x/d",
        "postgres://u:p@x/canary@h/d",
        "postgres://u:p@x#canary@h/d",
        "postgres://u:p@x?canary=1@h/d",
        "postgres://u@h/d?password=p&canary",
        "postgres://u@h/d?password=p&canary=1",
        "postgres://u@h/d?password=canary&port=x",
        "postgres://u@h/d?port=canary",
        "postgres://u:canary@h:canary/d",
        "postgres://u:%ffcanary@[h/d",
        "canary",
    ] {
        let error = parse(url).err().expect(url);
        assert!(!format!("{error} {error:?}").contains("canary"), "{url}");
    }
}

#[test]
fn what_libpq_takes_is_taken() {
    let config = parse("postgresql:///d?host=/tmp&user=postgres&sslmode=disable")
        .unwrap()
        .config;
    assert_eq!(config.get_user(), Some("postgres"));
    assert_eq!(config.get_dbname(), Some("d"));
    // A mail address as a name, elsewhere than before the host.
    parse("postgres://u@h/d?application_name=a@b").unwrap();
}

#[test]
fn what_the_url_says_wins_over_our_own_choices() {
    let settings = parse(
        "postgres://u:p%40@h/d?pool_size=3&create_table=true&connect_timeout=7\
         &application_name=mine",
    )
    .unwrap();
    assert_eq!(settings.pool_size, 3);
    assert!(settings.create_table);
    let config = settings.config;
    assert_eq!(config.get_password(), Some(&b"p@"[..]));
    assert_eq!(config.get_connect_timeout(), Some(&Duration::from_secs(7)));
    assert_eq!(config.get_application_name(), Some("mine"));
}

/// What a URL is read as: user, password, hosts with ports, database and TLS.
fn read_as(url: &str) -> String {
    let config = parse(url).map(|settings| settings.config);
    let config = match config {
        Ok(config) => config,
        Err(error) => return format!("{error}"),
    };
    let password = config.get_password().map(String::from_utf8_lossy);
    let ports = config.get_ports();
    let host = |(index, host): (usize, &Host)| {
        let host = match host {
            Host::Tcp(name) => name.clone(),
            #[cfg(unix)]
            Host::Unix(path) => path.display().to_string(),
        };
        let port = ports.get(index).or(ports.first()).unwrap_or(&5432);
        format!("{host}:{port}")
    };
    let hosts: Vec<_> = config.get_hosts().iter().enumerate().map(host).collect();
    format!(
        "{} {} {} {} {:?}",
        config.get_user().unwrap_or("-"),
        password.as_deref().unwrap_or("-"),
        hosts.join("+"),
        config.get_dbname().unwrap_or("-"),
        config.get_ssl_mode()
    )
}

#[test]
fn postgres_urls_are_read_as_meant_or_refused_truly() {
    let mut wrong = Vec::new();
    let good = [
        ("postgres://u:p@h:5433/d", "u p h:5433 d Require"),
        ("postgresql://h/d", "- - h:5432 d Require"),
        ("postgres://u@h", "u - h:5432 - Require"),
        ("postgres://u@h/", "u - h:5432 - Require"),
        ("postgres://u:@h/d", "u  h:5432 d Require"),
        (
            "postgres://u:p%40w%2F%3F%23%25@h/d",
            "u p@w/?#% h:5432 d Require",
        ),
        ("postgres://u%40mail:p@h/d", "u@mail p h:5432 d Require"),
        ("postgres://u:pä@h/d", "u pä h:5432 d Require"),
        ("postgres://u:p:w@h/d", "u p:w h:5432 d Require"),
        ("postgres://u:p$w!*@h/d", "u p$w!* h:5432 d Require"),
        ("postgres://u:p\\w@h/d", "u p\\w h:5432 d Require"),
        (
            "postgres://u@h/d?application_name=My shop",
            "u - h:5432 d Require",
        ),
        ("postgres://u:p@my_db/d", "u p my_db:5432 d Require"),
        ("postgres://u@h/d%2Fe", "u - h:5432 d/e Require"),
        ("postgres://u@[::1]:5433/d", "u - ::1:5433 d Disable"),
        (
            "postgres://u@[2001:db8::1]/d",
            "u - 2001:db8::1:5432 d Require",
        ),
        ("postgres://u@a,b/d", "u - a:5432+b:5432 d Require"),
        ("postgres://u@a:1,b:2/d", "u - a:1+b:2 d Require"),
        (
            "postgres:///d?host=/run/postgresql",
            "- - /run/postgresql:5432 d Disable",
        ),
        (
            "postgres://u@%2Frun%2Fpostgresql/d",
            "u - /run/postgresql:5432 d Disable",
        ),
        (
            "postgres://u:p@/d?host=/cloudsql/p:r:i",
            "u p /cloudsql/p:r:i:5432 d Disable",
        ),
        (
            "postgres://h?user=u&password=p&dbname=d",
            "u p h:5432 d Require",
        ),
        ("postgres:///d?host=h&port=5433", "- - h:5433 d Require"),
        ("postgres://u@h/d?sslmode=REQUIRE", "u - h:5432 d Require"),
        (
            "postgres://u@h/d?sslmode=verify_full",
            "u - h:5432 d Require",
        ),
        ("postgres://u@h/d?sslmode=Disable", "u - h:5432 d Disable"),
        ("postgres://u@h/d?sslmode=prefer&", "u - h:5432 d Prefer"),
        (
            "postgres://u@h/d?sslmode=require&channel_binding=require",
            "u - h:5432 d Require",
        ),
        ("postgres://u@h/d?create_table=True", "u - h:5432 d Require"),
        (
            "postgres://u@h/d?options=-csearch_path%3Dx",
            "u - h:5432 d Require",
        ),
    ];
    for (given, meant) in good {
        let read = read_as(given);
        if read != meant {
            wrong.push(format!("{given:?}, meant as {meant}: {read}"));
        }
    }
    let bad = [
        ("postgres://u:canary@h:0/d", "port is not from 1 to 65535"),
        (
            "postgres://u:canary@h:65536/d",
            "port is not from 1 to 65535",
        ),
        ("postgres://u:canary@h:/d", "no port after it"),
        ("postgres://u:canary@h:5432:6/d", "in brackets"),
        ("postgres://u:canary@::1/d", "in brackets"),
        ("postgres://u:canary@::1:5432/d", "in brackets"),
        ("postgres://u@h/d?port=0", "port is not from 1 to 65535"),
        ("postgres://u@h/d?port=65536", "port is not from 1 to 65535"),
        ("postgres://u@h:1/d?port=2", "stands behind its host"),
        ("postgres://u@h/d?port=5433", "stands behind its host"),
        ("postgres://canary@h/d?user=v", "`user` twice"),
        ("postgres://u:canary@h/d?password=v", "`password` twice"),
        ("postgres://u@canary/d?host=/tmp", "`host` twice"),
        ("postgres://u@h/canary?dbname=e", "`dbname` twice"),
        (
            "postgres://u@h/d?sslmode=disable&sslmode=require",
            "`sslmode` is there twice",
        ),
        ("postgres://u@h/d/", "%2F"),
        ("postgres://u@h/d/canary", "%2F"),
        ("postgres://u@a,,b/d", "comma too many"),
        ("postgres://u@a,/d", "comma too many"),
        ("postgres://u:canary@", "no host"),
        ("postgres://", "no host"),
        ("postgres:///d", "no host"),
        ("postgres://u:can ary@h/d", "blank in it"),
        ("postgres://u:can\nary@h/d", "line break in it"),
        ("postgres://u:can\u{200b}ary@h/d", "nobody sees"),
        ("postgres://u:can\\@ary@h/d", "%40"),
        ("postgres://u:p@h\\canary/d", "the other way"),
        ("postgres://u:[YOUR-PASSWORD]@h/d", "was to be filled"),
        ("postgres://u:<canary>@h/d", "was to be filled"),
        ("postgres://u:${PGPASSWORD}@h/d", "nothing has replaced"),
        ("postgres://u:{{canary}}@h/d", "nothing has replaced"),
        ("postgres://u:canary@$HOST/d", "variable for its host"),
        ("postgres://u:********@h/d", "masked"),
        ("postgres://u:canary@h/d;", "comma, semicolon or quote"),
        ("postgres://u:canary@h/d\"", "comma, semicolon or quote"),
        (
            "postgres://u@h/d?sslmode=allow",
            "disable, prefer, require, verify-ca or verify-full",
        ),
        (
            "postgres://u@h/d?sslmode=no-verify",
            "disable, prefer, require",
        ),
        ("postgres://u@h/d?sslmode=true", "disable, prefer, require"),
        ("postgres://u@h/d?sslmode=", "disable, prefer, require"),
        (
            "postgres://u@h/d?sslMode=require",
            "the parameter `sslmode` is written in small letters",
        ),
        (
            "postgres://u@h/d?ApplicationName=canary",
            "the parameter `applicationname` is unknown",
        ),
        (
            "postgres://u@h/d?currentSchema=canary",
            "options=-csearch_path",
        ),
        (
            "postgres://u@h/d?uselibpqcompat=true",
            "the parameter `uselibpqcompat` is unknown",
        ),
        (
            "postgres://u@h/d?pgbouncer=true",
            "the parameter `pgbouncer` is unknown",
        ),
        (
            "postgres://u@h/d?password=p&sslsni=0",
            "the parameter `sslsni` is unknown",
        ),
        (
            "postgres://u@h/d?create_table=yes",
            "create_table must be true or false",
        ),
        (
            "postgres://u@h/d?create_table=on",
            "create_table must be true or false",
        ),
        ("postgres://u@h/d?pool_size=10s", "a number from 1 to 1000"),
        ("postgres://u@h/d?pool_size=-1", "a number from 1 to 1000"),
        ("postgres://u@h/d?pool_size=1001", "a number from 1 to 1000"),
        ("postgres://u@h/d?connect_timeout=10s", "connect_timeout"),
        (
            "postgres://u@h/d?target_session_attrs=primary",
            "target_session_attrs",
        ),
        (
            "postgres://u@h/d?sslmode=require?x=canary",
            "disable, prefer, require",
        ),
        (
            "postgres://u@h/d?sslmode=require;pool_size=1",
            "disable, prefer, require",
        ),
        ("postgres://u@h/d?sslrootcert=system", "Leave it out"),
        (
            "postgres://u@h/d?sslrootcert=~/ca.pem",
            "Only a shell replaces `~`",
        ),
        ("postgres://u@h/d?sslrootcert=file:///ca.pem", "not a URL"),
        ("postgres://u@h/d?sslrootcert=", "has no value"),
    ];
    for (given, words) in bad {
        match parse(given) {
            Ok(_) => wrong.push(format!(
                "{given:?}, to be refused ({words}): {}",
                read_as(given)
            )),
            Err(error) => {
                let said = error.message();
                if !said.contains(words) || format!("{error} {error:?}").contains("canary") {
                    wrong.push(format!("{given:?}, to be refused ({words}): {said}"));
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        good.len() + bad.len(),
        wrong.join("\n")
    );
}
