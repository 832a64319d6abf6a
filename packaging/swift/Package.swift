// swift-tools-version: 6.2
// Written by relaypass's packaging. 6.2, because from there on static libraries for Linux can be binary
// targets; so there are no unsafe flags, and others can depend on a version.

import PackageDescription

let package = Package(
  name: "RelayPass",
  platforms: [.macOS(.v13)],
  products: [.library(name: "RelayPass", targets: ["RelayPass"])],
  targets: [
    .binaryTarget(name: "relaypass_ffiFFI", path: "relaypass_ffiFFI.artifactbundle"),
    .binaryTarget(name: "relaypass_ffiFFIApple", path: "relaypass_ffiFFI.xcframework"),
    .target(
      name: "RelayPassGenerated",
      dependencies: [
        .target(name: "relaypass_ffiFFI", condition: .when(platforms: [.linux])),
        .target(name: "relaypass_ffiFFIApple", condition: .when(platforms: [.macOS])),
      ],
      // What uniffi generates for asynchronous foreign traits is not for the mode of Swift 6.
      swiftSettings: [.swiftLanguageMode(.v5)]),
    .target(name: "RelayPass", dependencies: ["RelayPassGenerated"]),
  ]
)
