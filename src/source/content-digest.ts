/** A digest that the source gives for a whole resource. */
export interface ContentDigest {
  readonly algorithm: 'sha256' | 'md5' | 'crc32c' | 'crc64nvme' | 'crc64xz';
  /** Lower-case hexadecimal; most significant byte first. */
  readonly hex: string;
}
