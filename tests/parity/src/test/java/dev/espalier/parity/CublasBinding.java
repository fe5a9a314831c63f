package dev.espalier.parity;

/**
 * The ways to cuBLAS from Java. Each is for one major version of CUDA; a machine mostly has one.
 */
enum CublasBinding {
  JCUBLAS("CUDA 12") {
    @Override
    GemmOracle open(int device) {
      return new JCublasOracle(device);
    }
  },
  BYTEDECO("CUDA 13") {
    @Override
    GemmOracle open(int device) {
      return new BytedecoCublasOracle(device);
    }
  };

  private final String toolkit;

  CublasBinding(String toolkit) {
    this.toolkit = toolkit;
  }

  /** Whose cuBLAS it opens. */
  String toolkit() {
    return toolkit;
  }

  /**
   * @throws LinkageError if a library is missing
   * @throws IllegalStateException if CUDA refuses
   */
  abstract GemmOracle open(int device);
}
