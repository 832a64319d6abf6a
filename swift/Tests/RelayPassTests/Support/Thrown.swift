import Foundation
import Testing

/// An error that is the same as itself only.
final class OwnError: Error, Sendable, CustomStringConvertible {
  let description = "canary"
}

/// What an action throws; a test that it throws nothing fails.
func thrown(
  sourceLocation: SourceLocation = #_sourceLocation, by action: () async throws -> Any
) async -> (any Error)? {
  do {
    _ = try await action()
    Issue.record("nothing was thrown", sourceLocation: sourceLocation)
    return nil
  } catch {
    return error
  }
}

/// All ways in which a value may show in a log.
func shown(_ value: Any) -> String {
  var dumped = ""
  dump(value, to: &dumped)
  return """
    \(value) \(String(describing: value)) \(String(reflecting: value)) \([value]) \
    \(Optional(value) as Any) \(["a": value]) \(dumped) \(children(of: value, depth: 0))
    """
}

private func children(of value: Any, depth: Int) -> String {
  guard depth < 9 else { return "" }
  return Mirror(reflecting: value).children
    .map { "\($0.value) \(children(of: $0.value, depth: depth + 1))" }
    .joined(separator: " ")
}

/// A folder for one test. It is removed with it.
final class TemporaryFolder: Sendable {
  let url = FileManager.default.temporaryDirectory
    .appendingPathComponent("relaypass-\(UUID().uuidString)")

  init() throws {
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit {
    try? FileManager.default.removeItem(at: url)
  }
}
