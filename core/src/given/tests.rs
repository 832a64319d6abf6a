use super::*;

#[test]
fn what_stands_around_a_value_is_taken_off() {
    for (given, text) in [
        ("x", "x"),
        ("", ""),
        (" \t", ""),
        ("\"\"", ""),
        ("' '", ""),
        ("x\r", "x"),
        ("x\n", "x"),
        ("\u{feff}x", "x"),
        ("\u{a0}x\u{a0}", "x"),
        ("\"x\"", "x"),
        ("'x'\r\n", "x"),
        ("\" x \"", "x"),
        ("\u{feff}\"x\"", "x"),
        // Quoted twice, or not at all: it means what stands there.
        ("\"'x'\"", "'x'"),
        ("\"x", "\"x"),
        ("x\"", "x\""),
        ("\"x'", "\"x'"),
        ("'", "'"),
        ("a b", "a b"),
    ] {
        assert_eq!(meant(given), text, "{given:?}");
    }
}

#[test]
fn a_text_is_the_same_in_whatever_way_it_was_saved() {
    let units = |swap: bool| -> Vec<u8> {
        let units = "\u{feff}schlüssel\r\n".encode_utf16();
        units
            .flat_map(|unit| {
                if swap {
                    unit.to_be_bytes()
                } else {
                    unit.to_le_bytes()
                }
            })
            .collect()
    };
    for bytes in [
        "schlüssel\r\n".into(),
        "\u{feff}schlüssel\r\n".into(),
        units(false),
        units(true),
    ] {
        assert_eq!(**text_of(bytes).unwrap(), *"schlüssel\r\n");
    }
}

#[test]
fn what_is_no_text_is_called_what_it_is() {
    for (bytes, words) in [
        (vec![0x30, 0x82, 0x01, 0x0a, 0xff], "DER or PKCS#12"),
        (vec![0x30, 0x77, 0x02, 0x01, 0xff], "DER or PKCS#12"),
        (vec![0x30, 0x81, 0x87, 0x02, 0xff], "DER or PKCS#12"),
        (vec![0x30, 0x80, 0x02, 0x01, 0xff], "DER or PKCS#12"),
        (vec![0xc3, 0x28], "not text in UTF-8"),
        (vec![0xff, 0xfe, b'a'], "UTF-16"),
        (vec![0xff, 0xfe, 0x00, 0xd8], "UTF-16"),
    ] {
        assert!(text_of(bytes).unwrap_err().contains(words), "{words}");
    }
    let missing = read_file(Path::new("/no/such/file")).unwrap_err();
    assert!(missing.to_string().contains("No such file"), "{missing}");
}

#[test]
fn values_are_read_as_meant() {
    for (given, text) in [
        // Marks, blanks and line ends.
        ("x\r\n", "x"),
        ("\r\nx", "x"),
        ("\t x \t", "x"),
        ("x\u{2003}", "x"),
        ("x\u{3000}", "x"),
        ("x\u{2028}", "x"),
        ("x\u{85}", "x"),
        ("\u{feff}\u{feff}x", "x"),
        ("x\u{feff}", "x"),
        ("\u{200b}x\u{200b}", "x"),
        ("\u{200e}x\u{200f}", "x"),
        ("\u{202a}x\u{202c}", "x"),
        ("\u{2066}x\u{2069}", "x"),
        ("x\u{ad}", "x"),
        (" \u{feff} \u{200b}", ""),
        // Quotes.
        ("“x”", "x"),
        ("„x“", "x"),
        ("„x”", "x"),
        ("‘x’", "x"),
        ("«x»", "x"),
        ("`x`", "x"),
        ("\\\"x\\\"", "x"),
        ("\" 'x' \"", "'x'"),
        ("“ ”", ""),
        ("``", ""),
        ("\u{feff} \"x\"\r\n", "x"),
        ("\"\u{200b}x\"", "x"),
        ("\"it's\"", "it's"),
        ("'say \"x\"'", "say \"x\""),
        // What is no pair, or more than one.
        ("“x\"", "“x\""),
        ("”x“", "”x“"),
        ("`x", "`x"),
        ("\"a\",\"b\"", "\"a\",\"b\""),
        ("\"a\" \"b\"", "\"a\" \"b\""),
        ("'a'b'", "'a'b'"),
        ("\"x\";", "\"x\";"),
        ("\"", "\""),
        // What is within is of it.
        ("a\nb", "a\nb"),
        ("a\u{200b}b", "a\u{200b}b"),
        ("x\\n", "x\\n"),
        ("X=x", "X=x"),
        ("x # y", "x # y"),
        ("(x)", "(x)"),
    ] {
        assert_eq!(meant(given), text, "{given:?}");
        assert_eq!(meant(meant(given)), meant(text), "{given:?}");
    }
}

#[test]
fn lists_are_read_as_meant_and_nothing_is_left_out() {
    for (given, read) in [
        ("a", Ok(vec!["a"])),
        ("a,b", Ok(vec!["a", "b"])),
        (" a , b ", Ok(vec!["a", "b"])),
        ("a,\nb,\n", Ok(vec!["a", "b"])),
        ("a,\r\nb", Ok(vec!["a", "b"])),
        ("a,b,", Ok(vec!["a", "b"])),
        ("\"a,b\"", Ok(vec!["a", "b"])),
        ("\"a\",\"b\"", Ok(vec!["a", "b"])),
        ("'a', 'b'", Ok(vec!["a", "b"])),
        ("“a”, “b”", Ok(vec!["a", "b"])),
        ("[\"a\", \"b\"]", Ok(vec!["a", "b"])),
        ("['a', 'b']", Ok(vec!["a", "b"])),
        ("'[\"a\", \"b\"]'", Ok(vec!["a", "b"])),
        ("[\n  \"a\",\n  \"b\",\n]", Ok(vec!["a", "b"])),
        ("\u{feff}a,\u{200b}b", Ok(vec!["a", "b"])),
        ("[::1]", Ok(vec!["[::1]"])),
        ("a b", Ok(vec!["a b"])),
        ("a;b", Ok(vec!["a;b"])),
        ("", Err(1)),
        (",", Err(1)),
        (",a", Err(1)),
        ("a,,b", Err(2)),
        ("a, ,b", Err(2)),
        ("a,b,,", Err(3)),
        ("a,\"\",b", Err(2)),
        ("[\"a\",,\"b\"]", Err(2)),
    ] {
        assert_eq!(items(given), read, "{given:?}");
    }
}

#[test]
fn names_are_read_as_meant_or_refused_with_those_that_there_are() {
    let read = |text: &str| {
        let names = [("claim_type", 1), ("relay", 2), ("both-ways", 3)];
        one_of("The binding", text, &names)
    };
    for (given, found) in [
        ("claim_type", 1),
        ("claim-type", 1),
        ("CLAIM_TYPE", 1),
        ("Claim-Type", 1),
        ("relay", 2),
        ("Relay", 2),
        (" relay\r\n", 2),
        ("\"relay\"", 2),
        ("'RELAY'", 2),
        ("“relay”", 2),
        ("\u{feff}relay", 2),
        ("both-ways", 3),
        ("both_ways", 3),
    ] {
        assert_eq!(read(given).unwrap(), found, "{given:?}");
    }
    let all = "The binding is \"claim_type\", \"relay\" or \"both-ways\"";
    for (given, words) in [
        ("", ", and this is empty."),
        (" ", ", and this is empty."),
        ("\"\"", ", and this is empty."),
        ("relays", ", not \"relays\"."),
        ("rely", ", not \"rely\"."),
        ("none", ", not \"none\"."),
        ("true", ", not \"true\"."),
        ("claimType", ", not \"claimType\"."),
        ("claim type", "."),
        ("relay,", "."),
        ("relay;claim_type", "."),
        ("BINDING=relay", "."),
        ("relay # both", "."),
        ("$BINDING", "."),
        ("1", "."),
        ("rélay", "."),
        ("ｒｅｌａｙ", "."),
        ("re\u{200b}lay", "."),
        // It may be anything, and is not repeated.
        ("persona_sandbox_canary0", "."),
        ("a_name_that_is_so_long_that_it_may_be_a_secret", "."),
    ] {
        let error = read(given).unwrap_err();
        assert_eq!(error.code(), "invalid_argument");
        assert_eq!(error.message(), format!("{all}{words}"), "{given:?}");
    }
}

#[test]
fn a_file_that_is_not_there_is_told_why_if_its_name_says_so() {
    for (name, words) in [
        ("~/key.pem", "Only a shell replaces `~`"),
        ("file:///key.pem", "not a URL"),
        ("https://example.com/key.pem", "not a URL"),
        ("$HOME/key.pem", "Nothing has replaced the variable"),
        ("/${NAME}/key.pem", "Nothing has replaced the variable"),
        ("{{ key }}", "Nothing has replaced the variable"),
    ] {
        let error = read_file(Path::new(name)).unwrap_err().to_string();
        assert!(error.contains(words), "{name}: {error}");
    }
}
