package dev.espalier.backend;

import dev.espalier.model.Activation;
import dev.espalier.tensor.Linear;

/**
 * The feed-forward part of a layer: {@code output(activation(intermediate(x)))}.
 *
 * @param intermediate weight [I, H]
 * @param activation between the two
 * @param output weight [H, I]
 */
public record FeedForward(Linear intermediate, Activation activation, Linear output) {}
