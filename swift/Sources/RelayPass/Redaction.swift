/// What stands for a secret where a value is shown.
struct Redacted: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  var description: String { "[redacted]" }
  var debugDescription: String { description }
  var customMirror: Mirror { Mirror(self, children: []) }
}

/// Shows whether a secret is there, and nothing else.
func redact(_ secret: Any?) -> Any {
  secret == nil ? Any?.none as Any : Redacted()
}

/// A value by its mirror, so that text, `dump` and debugger show the same.
func describe(_ value: some CustomReflectable) -> String {
  let members = value.customMirror.children.map { label, member in
    "\(label ?? "_"): \(showing(member))"
  }
  return "\(type(of: value))(\(members.joined(separator: ", ")))"
}

private func showing(_ member: Any) -> String {
  let mirror = Mirror(reflecting: member)
  guard mirror.displayStyle == .optional else { return String(reflecting: member) }
  return mirror.children.first.map { showing($0.value) } ?? "nil"
}
