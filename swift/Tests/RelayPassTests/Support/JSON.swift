import Foundation

/// What JSON can say.
enum JSON: Hashable, Sendable, Codable {
  case null
  case bool(Bool)
  case number(Double)
  case string(String)
  case array([JSON])
  case object([String: JSON])

  init(parsing data: Data) throws {
    self = try JSONDecoder().decode(JSON.self, from: data)
  }

  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      self = .null
    } else if let bool = try? container.decode(Bool.self) {
      self = .bool(bool)
    } else if let number = try? container.decode(Double.self) {
      self = .number(number)
    } else if let string = try? container.decode(String.self) {
      self = .string(string)
    } else if let array = try? container.decode([JSON].self) {
      self = .array(array)
    } else {
      self = .object(try container.decode([String: JSON].self))
    }
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .null: try container.encodeNil()
    case .bool(let bool): try container.encode(bool)
    case .number(let number):
      // Whole numbers without a point: the other side may want integers.
      if let whole = Int(exactly: number) {
        try container.encode(whole)
      } else {
        try container.encode(number)
      }
    case .string(let string): try container.encode(string)
    case .array(let array): try container.encode(array)
    case .object(let object): try container.encode(object)
    }
  }

  init(_ string: String?) { self = string.map(JSON.string) ?? .null }
  init(_ bool: Bool?) { self = bool.map(JSON.bool) ?? .null }
  init(_ number: Int?) { self = number.map { .number(Double($0)) } ?? .null }

  /// As Foundation has it.
  var plain: Any {
    switch self {
    case .null: NSNull()
    case .bool(let bool): bool
    case .number(let number): number
    case .string(let string): string
    case .array(let array): array.map(\.plain)
    case .object(let object): object.mapValues(\.plain)
    }
  }

  var string: String? { if case .string(let string) = self { string } else { nil } }
  var bool: Bool? { if case .bool(let bool) = self { bool } else { nil } }
  var number: Double? { if case .number(let number) = self { number } else { nil } }
  var int: Int? { number.flatMap { Int(exactly: $0) } }
  var array: [JSON]? { if case .array(let array) = self { array } else { nil } }
  var object: [String: JSON]? { if case .object(let object) = self { object } else { nil } }

  subscript(member: String) -> JSON? { object?[member] }
}
