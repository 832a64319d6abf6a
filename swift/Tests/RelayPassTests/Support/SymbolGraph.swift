import Foundation

/// What the module offers to others, as the compiler tells it (`swift-symbolgraph-extract`).
struct SymbolGraph {
  struct Symbol {
    let kind: String
    let path: [String]
    /// As the documentation shows it: `var timeout: Duration?`.
    let declaration: String
    /// Its comment, in one line.
    let text: String
  }

  let symbols: [Symbol]

  init(ofModule module: String) throws {
    let folder = try TemporaryFolder()
    // Where this was built: `.build/TRIPLE/debug/….xctest`.
    let built = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
      .deletingLastPathComponent()
    let header = Sandbox.repository
      .appendingPathComponent("swift/Sources/relaypass_ffiFFI/module.modulemap")
    try run(
      URL(fileURLWithPath: "/usr/bin/env"),
      [
        "swift-symbolgraph-extract", "-module-name", module,
        "-target", built.deletingLastPathComponent().lastPathComponent,
        "-I", built.appendingPathComponent("Modules").path,
        "-Xcc", "-fmodule-map-file=\(header.path)",
        "-minimum-access-level", "public", "-output-dir", folder.url.path,
      ])
    let file = folder.url.appendingPathComponent("\(module).symbols.json")
    let told = try JSONDecoder().decode(Told.self, from: Data(contentsOf: file))
    // What the standard library adds to every type of a kind is not ours.
    symbols = told.symbols.filter { !$0.identifier.precise.contains("::SYNTHESIZED::") }.map {
      Symbol(
        kind: $0.kind.identifier,
        path: $0.pathComponents,
        declaration: $0.declarationFragments.map(\.spelling).joined(),
        text: ($0.docComment?.lines ?? []).map(\.text).joined(separator: " "))
    }
  }

  /// What we read of the compiler's file. Typed, for it is long.
  private struct Told: Decodable {
    let symbols: [Symbol]

    struct Symbol: Decodable {
      let kind: Kind
      let identifier: Identifier
      let pathComponents: [String]
      let declarationFragments: [Fragment]
      let docComment: Comment?
    }

    struct Kind: Decodable { let identifier: String }
    struct Identifier: Decodable { let precise: String }
    struct Fragment: Decodable { let spelling: String }
    struct Comment: Decodable { let lines: [Line] }
    struct Line: Decodable { let text: String }
  }

  func symbols(_ kind: String, of type: String) -> [Symbol] {
    symbols.filter { $0.kind == kind && $0.path.dropLast() == type.components(separatedBy: ".")[...] }
  }
}

extension SymbolGraph.Symbol {
  var name: String { path.last!.components(separatedBy: "(")[0] }

  /// The type of a property, or what a function answers; nothing: nothing.
  var type: String? {
    switch kind {
    case "swift.property": part(after: ": ").components(separatedBy: " {")[0]
    default: declaration.contains(") async throws -> ") ? part(after: ") async throws -> ") : nil
    }
  }

  private func part(after mark: String) -> String {
    declaration.components(separatedBy: mark).dropFirst().joined(separator: mark)
  }

  struct Parameter {
    let name: String
    let type: String
    let hasDefault: Bool
  }

  /// The parameters of a function or initialiser.
  var parameters: [Parameter] {
    var (depth, list, current) = (0, [String](), "")
    for character in declaration.drop(while: { $0 != "(" }).dropFirst() {
      if "([<".contains(character) { depth += 1 }
      // Not the `>` of an arrow: those are inside of brackets.
      if ")]".contains(character) || (character == ">" && !current.hasSuffix("-")) { depth -= 1 }
      if depth < 0 { break }
      if character == ",", depth == 0 {
        list.append(current)
        current = ""
      } else {
        current.append(character)
      }
    }
    if !current.isEmpty { list.append(current) }
    return list.map { parameter in
      let parts = parameter.components(separatedBy: ": ")
      let typeAndDefault = parts.dropFirst().joined(separator: ": ").components(separatedBy: " = ")
      return Parameter(
        name: parts[0].split(separator: " ").last.map(String.init)!,
        type: typeAndDefault[0],
        hasDefault: typeAndDefault.count > 1)
    }
  }
}

/// Runs a program to its end, and gives what it printed.
@discardableResult
func run(_ program: URL, _ arguments: [String]) throws -> Data {
  let process = Process()
  let output = Pipe()
  process.executableURL = program
  process.arguments = arguments
  process.standardOutput = output
  try process.run()
  let printed = output.fileHandleForReading.readDataToEndOfFile()
  process.waitUntilExit()
  guard process.terminationStatus == 0 else { throw Broken("\(arguments[0]) fails") }
  return printed
}
