// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text;

namespace FedCloud.Training.Tokenization;

/// <summary>GPT-2's printable letters for the 256 bytes.</summary>
internal static class ByteAlphabet
{
    /// <summary>The letter of each byte: itself where it is printable Latin-1, else the next one from U+0100.</summary>
    public static char[] Letters { get; } = Make();

    private static readonly Dictionary<char, byte> Bytes = Letters.Select((letter, b) => (letter, b)).ToDictionary(pair => pair.letter, pair => (byte)pair.b);

    /// <summary>The bytes of a token. One with any other letter, as added tokens may have, stands for itself in UTF-8.</summary>
    public static byte[] ToBytes(string token) =>
        token.All(Bytes.ContainsKey) ? [.. token.Select(letter => Bytes[letter])] : Encoding.UTF8.GetBytes(token);

    private static char[] Make()
    {
        char[] letters = new char[256];
        int next = 256;
        for (int b = 0; b < 256; b++)
        {
            bool printable = b is (>= 33 and <= 126) or (>= 161 and <= 172) or (>= 174 and <= 255);
            letters[b] = printable ? (char)b : (char)next++;
        }

        return letters;
    }
}
