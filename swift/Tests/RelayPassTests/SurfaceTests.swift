// What the package offers, compared with what the core describes (`relaypass surface`).

import Foundation
import RelayPass
import Testing

/// An argument or a member, as the core describes it.
private struct Described {
  let name: String
  let type: String
  let isList: Bool
  let isOptional: Bool
  let json: JSON

  init(_ json: JSON) {
    self.json = json
    name = camel(json["name"]!.string!)
    type = json["type"]!.string!
    isOptional = json["optional"]!.bool!
    // What may be one or several is one value here: `KeyMaterial`.
    isList = json["list"]!.bool! && !isOptional
  }

  /// In Swift: `[Data]`, `Duration?`.
  var swiftType: String { swiftType(in: "") }

  /// In Swift, as a member of this type.
  func swiftType(in owner: String) -> String {
    let own = ownTypes["\(owner).\(name): \(type)"] ?? ownTypes["\(name): \(type)"] ?? types[type]!
    return isList ? "[\(own)]" : isOptional ? "\(own)?" : own
  }
}

/// `base_url` as `baseURL`, `expires_at` as `expiresAt`.
private func camel(_ name: String) -> String {
  let words = name.components(separatedBy: "_")
  let others = words.dropFirst().map {
    ["id", "url", "pem", "jwk"].contains($0) ? $0.uppercased() : $0.prefix(1).uppercased() + $0.dropFirst()
  }
  return words[0] + others.joined()
}

private func upper(_ name: String) -> String {
  let camel = camel(name)
  return camel.prefix(1).uppercased() + camel.dropFirst()
}

private let types = [
  "text": "String",
  "whole": "Int",
  "seconds": "Duration",
  "flag": "Bool",
  "bytes": "Data",
  "store": "StoreSource",
  "listener": "((RelayPassEvent) throws -> Void)",
  "claim": "Claim",
  "method": "Claim.Method",
  "rate_limit": "RateLimit",
  "privacy_finding": "PrivacyFinding",
]

/// What Swift has a type of its own for.
private let ownTypes = [
  "environment: text": "RelayPass.Environment",
  "passBinding: text": "RelayPass.PassBinding",
  "privacy: text": "RelayPass.Privacy",
  "isolation: text": "RelayPass.Isolation",
  "status: text": "VerificationStatus",
  "kind: text": "RelayPassEvent.Kind",
  "code: text": "RelayPassError.Code",
  "PrivacyFinding.code: text": "PrivacyFinding.Code",
  "severity: text": "PrivacyFinding.Severity",
  "expiresAt: whole": "Date",
  "decryptionKey: text": "KeyMaterial",
  "encryptionKey: text": "KeyMaterial",
  "encryptionForm: text": "RelayPass.EncryptionForm",
  "theme: text": "RelayPass.Theme",
]

/// For texts and debuggers.
private let ofEveryType = [
  "description", "debugDescription", "errorDescription", "customMirror", "hashValue",
]

/// One after the other, and read once: a test that waits for another process holds a thread that
/// others need.
@Suite(.serialized) struct SurfaceTests {
  private static let told = Result {
    (
      graph: try SymbolGraph(ofModule: "RelayPass"),
      surface: try JSON(parsing: run(Sandbox.executable, ["surface"]))
    )
  }

  private let graph: SymbolGraph
  private let surface: JSON
  private let options: [Described]

  init() throws {
    (graph, surface) = try Self.told.get()
    options = surface["options"]!.array!.map(Described.init)
  }

  private func described(_ json: JSON?) -> [Described] { json!.array!.map(Described.init) }
  private func texts(_ json: JSON?) -> [String] { json!.array!.map { $0.string! } }

  private func properties(of type: String) -> [SymbolGraph.Symbol] {
    graph.symbols("swift.property", of: type).filter { !ofEveryType.contains($0.name) }
  }

  private func checkMembers(of type: String, _ described: [Described]) {
    let found = properties(of: type)
    #expect(found.map(\.name).sorted() == described.map(\.name).sorted(), "\(type)")
    for member in described {
      let types = found.filter { $0.name == member.name }.map(\.type)
      #expect(types == [member.swiftType(in: type)], "\(type): \(member.name)")
    }
  }

  /// Can it be made by hand, and must all be said that is always there?
  private func checkMade(_ type: String, _ described: [Described]) {
    let makers = graph.symbols("swift.init", of: type).map(\.parameters)
    let maker = makers.first { $0.map(\.name).sorted() == described.map(\.name).sorted() }
    #expect(maker != nil, "\(type) has no initialiser with all its members")
    for member in described {
      let parameter = maker?.first { $0.name == member.name }
      #expect(parameter?.type == member.swiftType(in: type), "\(type): \(member.name)")
      #expect(
        parameter?.hasDefault == (member.isOptional || member.isList), "\(type): \(member.name)")
    }
  }

  @Test func optionsAreWhatIsDescribed() {
    checkMembers(of: "RelayPassOptions", options)
    checkMade("RelayPassOptions", options)
    for option in properties(of: "RelayPassOptions") {
      #expect(option.declaration.hasPrefix("var "), "\(option.name)")
    }
  }

  @Test func theTextOfAnOptionTellsItsDefaultAndItsRange() throws {
    for option in options {
      let text = properties(of: "RelayPassOptions").first { $0.name == option.name }?.text ?? ""
      for edge in ["default", "least", "most"].compactMap({ option.json[$0] }) {
        let word =
          switch edge {
          case .bool(let flag): "`\(flag)`"
          case .number(let number) where option.type == "seconds": "\(Int(number)) seconds"
          case .number(let number): "\(Int(number))"
          default: camel(edge.string!)
          }
        let whole = "(?<![\\w,.])\(NSRegularExpression.escapedPattern(for: word))(?![\\w])"
        #expect(text.range(of: whole, options: .regularExpression) != nil, "\(word): \(text)")
      }
    }
  }

  @Test func everyCallTakesWhatIsDescribedAndThereIsNoOtherCall() {
    let calls = surface["calls"]!.array!.filter { $0["name"]!.string != "close" }
    var expected: Set<String> = []
    for call in calls {
      let parts = call["name"]!.string!.components(separatedBy: ".")
      // What is of no room is the client's own.
      let (type, name) = (parts.count == 1 ? "RelayPass" : upper(parts[0]), camel(parts.last!))
      expected.insert("\(type).\(name)")
      let functions = graph.symbols("swift.method", of: type).filter { $0.name == name }
      let timeout = Described(surface["timeout"]!)
      checkParameters(functions, described(call["arguments"]) + [timeout], "\(type).\(name)")
      let answer = call["answer"]!.string.map { $0 == "whole" ? "Int" : upper($0) }
      #expect(functions.allSatisfy { $0.type == answer }, "\(type).\(name)")
    }
    let found = ["Relays", "Verifications", "Passes", "RelayPass"].flatMap { type in
      graph.symbols("swift.method", of: type).map { "\(type).\($0.name)" }
    }
    #expect(Set(found) == expected.union(["RelayPass.close"]))
    let close = graph.symbols("swift.method", of: "RelayPass").filter { $0.name == "close" }
    checkParameters(close, [Described(surface["timeout"]!)], "close")
  }

  /// Of several functions of one name each takes some of the arguments, and together they take all.
  private func checkParameters(
    _ functions: [SymbolGraph.Symbol], _ arguments: [Described], _ place: String
  ) {
    let taken = Dictionary(grouping: functions.flatMap(\.parameters), by: \.name)
    #expect(taken.keys.sorted() == arguments.map(\.name).sorted(), "\(place)")
    for argument in arguments {
      let parameters = taken[argument.name] ?? []
      let mayBeLeftOut = parameters.contains(where: \.hasDefault) || parameters.count < functions.count
      #expect(mayBeLeftOut == argument.isOptional, "\(place): \(argument.name)")
      for parameter in parameters {
        // Without the mark where it has a default of its own, or another function goes without it.
        let type = parameter.type.hasSuffix("?") ? parameter.type : parameter.type + "?"
        let described = argument.isOptional ? argument.swiftType : argument.swiftType + "?"
        #expect(type == described, "\(place): \(argument.name)")
        if parameter.type.hasSuffix("?") { #expect(parameter.hasDefault, "\(place)") }
      }
    }
  }

  @Test func theFunctionsTakeWhatIsDescribed() throws {
    var functions = [
      "open_claim": graph.symbols.filter { $0.kind == "swift.func" && $0.name == "openClaim" },
      "generate_key_pair": graph.symbols("swift.type.method", of: "EncryptionKey"),
    ]
    for function in surface["functions"]!.array! {
      let (name, arguments) = (function["name"]!.string!, described(function["arguments"]))
      if name == "read_key_pair" || name == "read_jwk" {
        // By its short name: the type says whose it is.
        let makers = graph.symbols("swift.init", of: "EncryptionKey").map { $0.parameters.map(\.name) }
        let short = name == "read_jwk" ? "jwk" : "pem"
        #expect(makers.count == 2 && makers.contains([short]))
        #expect(arguments.map(\.name) == ["private\(short.uppercased())"])
      } else {
        let found = functions.removeValue(forKey: name)
        checkParameters(try #require(found), arguments, name)
      }
      for argument in arguments where argument.name == "bits" {
        let generate = try #require(graph.symbols("swift.type.method", of: "EncryptionKey").first)
        #expect(generate.declaration.contains("bits: Int = \(argument.json["default"]!.int!)"))
        let choices = argument.json["choices"]!.array!.map { "\($0.int!)" }
        let told = choices.dropLast().joined(separator: ", ") + " or \(choices.last!)."
        #expect(generate.text.contains(told), "\(generate.text)")
      }
    }
    #expect(functions.isEmpty)
  }

  @Test func everyResultHasWhatIsDescribedAndCanBeMade() {
    for (name, members) in surface["results"]!.object! {
      let described = described(members)
      switch name {
      case "key_pair": checkMembers(of: "EncryptionKey", described)
      case "completion":
        checkMembers(of: "Completion", described)
        let cases = graph.symbols("swift.enum.case", of: "Completion").map(\.name)
        #expect(cases.sorted() == texts(surface["statuses"]).sorted())
      default:
        let type = name == "method" ? "Claim.Method" : upper(name)
        checkMembers(of: type, described)
        checkMade(type, described)
      }
    }
  }

  @Test func errorsAreWhatIsDescribed() throws {
    try checkNames("RelayPassError", "Code", texts(surface["errors"]!["codes"]))
    let members = described(surface["errors"]!["members"])
    // What led to it every language has in its own way.
    let cause = properties(of: "RelayPassError").filter { $0.name == "cause" }
    #expect(cause.map(\.type) == ["(any Error)?"])
    let found = properties(of: "RelayPassError").filter { $0.name != "cause" }
    #expect(found.map(\.name).sorted() == members.map(\.name).sorted())
    for member in members {
      #expect(
        found.first { $0.name == member.name }?.type == member.swiftType, "\(member.name)")
    }
  }

  @Test func eventsAreWhatIsDescribed() throws {
    try checkNames("RelayPassEvent", "Kind", texts(surface["events"]!["kinds"]), file: "Events")
    checkMembers(of: "RelayPassEvent", described(surface["events"]!["members"]))
    checkMade("RelayPassEvent", described(surface["events"]!["members"]))
  }

  @Test func aPrivacyReportSaysWhatIsDescribed() throws {
    try checkNames(
      "PrivacyFinding", "Code", texts(surface["privacy"]!["codes"]), file: "PrivacyReport")
    let severities = PrivacyFinding.Severity.allCases.map(\.rawValue)
    #expect(severities == texts(surface["privacy"]!["severities"]))
  }

  @Test func textsOfAFewAreTypes() throws {
    #expect(VerificationStatus.allCases.map(\.rawValue).sorted() == texts(surface["statuses"]).sorted())
    let ofCalls = surface["calls"]!.array!.flatMap { described($0["arguments"]) }
    for (name, type) in [
      ("environment", "Environment"), ("passBinding", "PassBinding"), ("privacy", "Privacy"),
      ("encryptionForm", "EncryptionForm"), ("theme", "Theme"),
    ] {
      let choices = texts((options + ofCalls).first { $0.name == name }?.json["choices"])
      try checkNames("RelayPass", type, choices, file: "Environment")
    }
  }

  /// The members of an open type are the core's names in camel case, and stand for these names.
  private func checkNames(
    _ outer: String, _ type: String, _ names: [String], file: String? = nil
  ) throws {
    let members = graph.symbols("swift.type.property", of: "\(outer).\(type)").map(\.name)
    // Words of the language itself have other names.
    let others = ["protocol": "protocolViolation", "internal": "internalError"]
    let expected = names.map { others[$0] ?? camel($0) }
    #expect(members.sorted() == expected.sorted(), "\(outer).\(type)")
    let path = Sandbox.repository
      .appendingPathComponent("swift/Sources/RelayPass/\(file ?? outer).swift")
    let source = try String(contentsOf: path, encoding: .utf8)
    for (member, name) in zip(expected, names) {
      let line = "public static let \(member) = \(type)(rawValue: \"\(name)\")"
      #expect(source.contains(line), "\(line)")
    }
  }
}
