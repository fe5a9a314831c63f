/** Espalier's models behind LangChain4j's interfaces. */
package dev.espalier.langchain4j;
