//! What uniffi generates for Kotlin, made fit for a package of which nothing generated is public.
//!
//! uniffi has no options for this. Each change says how often it is made, so that a uniffi that
//! generates something else is noticed here, and not by whoever calls.

/// What is changed: how often it stands there, what it is, and what it becomes.
const CHANGES: [(usize, &str, &str); 4] = [
    // Its warnings are not ours.
    (1, "Suppress(\"NAME_SHADOWING\")", "Suppress(\"warnings\")"),
    // A callback begins at once, whatever happens: were it cancelled before it begins, Rust would
    // never be answered. By itself it changes no thread: ours begin by going to where they belong.
    (
        2,
        "GlobalScope.launch coroutineBlock@",
        "GlobalScope.launch(kotlinx.coroutines.Dispatchers.Unconfined, \
         kotlinx.coroutines.CoroutineStart.UNDISPATCHED) coroutineBlock@",
    ),
    // Which library fits, and what to say where none does.
    (
        1,
        "return \"relaypass_ffi\"\n",
        "return dev.relaypass.NativeLibrary.locate()\n",
    ),
    // Where Rust says how a call of its went is memory of its own, which costs more to make than
    // the call: a thread keeps those that no call has. One that told of an error is not among them.
    (
        1,
        "    var status = UniffiRustCallStatus()
    val return_value = callback(status)
    uniffiCheckCallStatus(errorHandler, status)
    return return_value
}
",
        "    val unused = uniffiUnusedStatuses.get()
    val status = unused.removeLastOrNull() ?: UniffiRustCallStatus()
    val return_value = callback(status)
    uniffiCheckCallStatus(errorHandler, status)
    unused.addLast(status)
    return return_value
}

private val uniffiUnusedStatuses = ThreadLocal.withInitial { ArrayDeque<UniffiRustCallStatus>() }
",
    ),
];

/// The generated code with all changes.
///
/// # Errors
/// When the code is not what the changes were written for.
pub(crate) fn fit(mut code: String) -> Result<String, String> {
    for (times, old, new) in CHANGES {
        let found = code.matches(old).count();
        if found != times {
            return Err(format!("{old:?} is generated {found} times, not {times}"));
        }
        code = code.replace(old, new);
    }
    make_internal(&code)
}

/// Puts `internal` before every declaration of the outermost level that is not private, so that
/// nothing generated shows in the module's API: the Kotlin compiler then refuses a public
/// declaration of ours that mentions one.
fn make_internal(code: &str) -> Result<String, String> {
    let mut changed = String::with_capacity(code.len() + code.len() / 8);
    let mut depth = 0;
    let mut in_comment = false;
    for mut line in code.lines() {
        if in_comment {
            // Code may follow the end of a comment.
            let end = line.find("*/").map(|end| end + 2);
            in_comment = end.is_none();
            changed.push_str(&line[..end.unwrap_or(line.len())]);
            line = &line[end.unwrap_or(line.len())..];
        }
        let (before, declaration) = line.split_at(length_of_annotations(line));
        changed.push_str(before);
        match without_visibility(declaration) {
            Some(declaration) if depth == 0 => {
                changed.push_str("internal ");
                changed.push_str(declaration);
            }
            _ => changed.push_str(declaration),
        }
        changed.push('\n');

        if declaration.starts_with("/*") {
            in_comment = !declaration.contains("*/");
        } else {
            depth += depth_of(declaration.split("//").next().unwrap_or_default());
        }
    }
    match depth {
        0 => Ok(changed),
        _ => Err("the brackets of the generated code are not balanced".to_owned()),
    }
}

/// What stands in front of a declaration in its line: blanks, and annotations with their arguments.
fn length_of_annotations(line: &str) -> usize {
    let mut rest = line.trim_start();
    while rest.starts_with('@') && !rest.starts_with("@file:") {
        let mut depth = 0;
        let end = rest.find(|c: char| {
            depth += depth_of(c.encode_utf8(&mut [0; 4]));
            depth == 0 && c.is_whitespace()
        });
        rest = rest[end.unwrap_or(rest.len())..].trim_start();
    }
    line.len() - rest.len()
}

/// A line that begins a declaration which is public, from what follows its visibility.
fn without_visibility(line: &str) -> Option<&str> {
    const WORDS: &str =
        "abstract annotation class const data enum fun inline interface object open \
                         override sealed suspend typealias val value var";
    let line = line.strip_prefix("public ").unwrap_or(line);
    let word = line.split([' ', '<']).next().unwrap_or_default();
    WORDS.split(' ').any(|one| one == word).then_some(line)
}

/// How much deeper a piece of code leads.
fn depth_of(code: &str) -> i32 {
    let count = |brackets: &[char]| code.matches(brackets).count() as i32;
    count(&['(', '[', '{']) - count(&[')', ']', '}'])
}

#[cfg(test)]
mod tests {
    use super::*;

    const GENERATED: &str = r#"@file:Suppress("NAME_SHADOWING")
package dev.relaypass.generated
/** A { brace of its own.
 */public interface Store {
    val name: String // }
}
private fun findLibraryName(componentName: String): String {
    return "relaypass_ffi"
}
private inline fun <T> call(a: T) {
    val job = GlobalScope.launch coroutineBlock@ {
    }
}
private inline fun <U, E: kotlin.Exception> uniffiRustCallWithError(callback: (UniffiRustCallStatus) -> U): U {
    var status = UniffiRustCallStatus()
    val return_value = callback(status)
    uniffiCheckCallStatus(errorHandler, status)
    return return_value
}
@Structure.FieldOrder("code", "error") internal open class Status
@Throws(CallException::class) fun<T> open(
    data: Record,
): T = object : Store {
    val job = GlobalScope.launch coroutineBlock@ {
    }
}
data class Record(
    val value: Long
)
"#;

    #[test]
    fn what_is_public_becomes_internal_and_nothing_else_does() {
        let fit = fit(GENERATED.to_owned()).expect("it is what was expected");
        let internal: Vec<_> = fit
            .lines()
            .filter(|line| line.contains("internal"))
            .collect();
        assert_eq!(
            internal,
            [
                " */internal interface Store {",
                r#"@Structure.FieldOrder("code", "error") internal open class Status"#,
                "@Throws(CallException::class) internal fun<T> open(",
                "internal data class Record(",
            ]
        );
        assert!(!fit.contains("public "));
    }

    #[test]
    fn each_change_is_made() {
        let fit = fit(GENERATED.to_owned()).expect("it is what was expected");
        for (times, old, new) in CHANGES {
            assert_eq!(fit.matches(old).count(), 0, "{old}");
            assert_eq!(fit.matches(new).count(), times, "{new}");
        }
    }

    #[test]
    fn other_code_than_was_expected_is_refused() {
        for (old, new) in [
            ("GlobalScope.launch", "scope.launch"),
            ("NAME_SHADOWING", "UNUSED"),
            ("var status =", "val status ="),
            ("return \"relaypass_ffi\"", "return NAME"),
            ("    val value: Long\n)\n", ""),
        ] {
            let other = GENERATED.replacen(old, new, 1);
            assert_ne!(other, GENERATED);
            fit(other).expect_err(old);
        }
    }
}
