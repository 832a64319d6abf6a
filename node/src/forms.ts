/**
 * A form of the encryption key, and with it of the claim: PEM and RSA-OAEP in base64, or a JSON Web Key
 * and a compact JWE. `auto`: the one that Persona takes, or either.
 */
export type EncryptionForm = 'auto' | 'pem' | 'jwk';
