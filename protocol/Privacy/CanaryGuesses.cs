// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.Privacy;

/// <summary>The outcome of a membership attack on canaries, each of which a fair coin of its own put into the training data or left out.</summary>
/// <remarks>How many guesses are made is fixed before the coins are looked at; on the other canaries the attack abstains.</remarks>
/// <param name="Canaries">m, all canaries, also those without a guess.</param>
/// <param name="Guesses">r, at most m.</param>
/// <param name="Right">v, at most r.</param>
public readonly record struct CanaryGuesses(int Canaries, int Guesses, int Right);
