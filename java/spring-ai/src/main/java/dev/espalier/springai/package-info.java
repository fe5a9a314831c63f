/** Espalier's models behind Spring AI's interfaces. */
package dev.espalier.springai;
