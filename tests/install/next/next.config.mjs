// Its bundler finds no place for an addon: the package is left out, and the folder of the server gets it whole.
export default { output: 'standalone', serverExternalPackages: ['relaypass'] };
