// swift-tools-version: 6.0
// 6.0, not 5.9: only from there on can one target be compiled in another language mode than the
// others, and the generated one must be.

import PackageDescription

#if os(Linux)
  #if arch(x86_64)
    let platform = "linux-x86_64"
  #elseif arch(arm64)
    let platform = "linux-aarch64"
  #endif
  /// The C header of the native library. `develop.sh` lays it there.
  let native: Target = .systemLibrary(name: "relaypass_ffiFFI")
  /// By file name and not by `-lrelaypass_ffi`: a shared library beside it is never taken instead.
  let linking: [LinkerSetting] = [
    .unsafeFlags([
      "-L\(Context.packageDirectory)/native/\(platform)", "-Xlinker", "-l:librelaypass_ffi.a",
    ])
  ]
#else
  /// Header and libraries of all Apple platforms in one.
  let native: Target = .binaryTarget(
    name: "relaypass_ffiFFI", path: "native/relaypass_ffi.xcframework")
  let linking: [LinkerSetting] = []
#endif

let package = Package(
  name: "RelayPass",
  platforms: [.macOS(.v13), .iOS(.v16), .tvOS(.v16), .watchOS(.v9)],
  products: [.library(name: "RelayPass", targets: ["RelayPass"])],
  targets: [
    native,
    .target(
      name: "RelayPassGenerated",
      dependencies: ["relaypass_ffiFFI"],
      // What uniffi 0.32 generates for asynchronous foreign traits crashes Swift 6.0 in its own
      // mode.
      swiftSettings: [.swiftLanguageMode(.v5)],
      linkerSettings: linking),
    .target(name: "RelayPass", dependencies: ["RelayPassGenerated"]),
    .testTarget(name: "RelayPassTests", dependencies: ["RelayPass", "RelayPassGenerated"]),
  ]
)
