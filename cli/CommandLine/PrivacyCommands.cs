// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Text.Json;
using FedCloud.Cli.Privacy;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Privacy;

namespace FedCloud.Cli.CommandLine;

/// <summary><c>fedcloud privacy account|calibrate</c>.</summary>
internal static class PrivacyCommands
{
    public static Command Create() => new("privacy", "What noise buys: the epsilon of a mechanism, and the noise for an epsilon.") { Account(), Calibrate() };

    private static Command Account()
    {
        Option<string> mechanism = new("--mechanism") { HelpName = "M", Required = true, Description = $"{Names(reference: false)}; references for auditors, not for plans: {Names(reference: true)}." };
        Option<double> noise = new("--noise") { HelpName = "Z", Required = true, CustomParser = Number, Description = "Standard deviation over sensitivity: over the clip norm (dp-sgd, after rounding to the grid), over the rounded L2 sensitivity of the sum; laplace: scale over L1 sensitivity." };
        Parameters parameters = new();
        Option<string?> components = new("--components") { HelpName = "MEAN:WEIGHT,...", Description = "gaussian-mixture: the distribution with the record, against mean 0 without it." };
        Option<int?> records = new("--records") { HelpName = "N", Description = "truncated-sampling: the number of records." };
        Option<int?> largestBatch = new("--largest-batch") { HelpName = "B", Description = "truncated-sampling: records beyond this number are dropped from a batch." };
        Option<bool> json = Invocation.Json();
        Command command = new("account", "Computes the epsilon of noise that is repeated, and the limit that a silo's ledger needs for it.") { mechanism, noise };
        parameters.AddTo(command);
        command.Add(components);
        command.Add(records);
        command.Add(largestBatch);
        command.Add(json);
        command.SetAction(parsed =>
        {
            PrivacyQuestion question = parameters.Read(parsed, NoiseMechanism.Parse(parsed.GetRequiredValue(mechanism), calibrates: false)) with
            {
                Components = parsed.GetValue(components),
                Records = parsed.GetValue(records),
                LargestBatch = parsed.GetValue(largestBatch),
            };
            Print(question, PrivacyFigures.Of(question, parsed.GetValue(noise)), target: null, parsed.GetValue(json));
            return (int)ExitCode.Done;
        });
        return command;
    }

    private static Command Calibrate()
    {
        Option<string> mechanism = new("--mechanism") { HelpName = "M", Required = true, Description = $"{Names(reference: false)}." };
        Option<double> epsilon = new("--epsilon") { HelpName = "E", Required = true, CustomParser = Number, Description = "The epsilon that must not be exceeded." };
        Parameters parameters = new();
        Option<bool> json = Invocation.Json();
        Command command = new("calibrate", "Finds the smallest noise multiplier that keeps an epsilon.") { mechanism, epsilon };
        parameters.AddTo(command);
        command.Add(json);
        command.SetAction(parsed =>
        {
            PrivacyQuestion question = parameters.Read(parsed, NoiseMechanism.Parse(parsed.GetRequiredValue(mechanism), calibrates: true));
            double target = parsed.GetValue(epsilon);
            Print(question, PrivacyFigures.Of(question, PrivacyFigures.NoiseFor(question, target)), target, parsed.GetValue(json));
            return (int)ExitCode.Done;
        });
        return command;
    }

    private static void Print(PrivacyQuestion question, PrivacyFigures figures, double? target, bool json)
    {
        if (json)
        {
            Console.WriteLine(JsonSerializer.Serialize(PrivacyDocument.Of(question, figures, target, DpSgdAccountant.Version), PrivacyJson.Default.PrivacyDocument));
            return;
        }

        foreach (string line in PrivacyText.Lines(question, figures, target, DpSgdAccountant.Version))
        {
            Console.WriteLine(line);
        }
    }

    private static string Names(bool reference) =>
        string.Join(", ", NoiseMechanism.All.Where(mechanism => mechanism.Reference == reference).Select(mechanism => mechanism.Name));

    // The library's own reading of numbers takes 1,5 for fifteen: a noise ten times as large as meant, and an epsilon that is not true.
    private static double Number(ArgumentResult result) => TryNumber(result) ?? 0;

    private static double? TryNumber(ArgumentResult result)
    {
        string text = result.Tokens is [Token token] ? token.Value : string.Empty;
        if (double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value))
        {
            return value;
        }

        result.AddError($"Cannot parse argument '{text}' for option '{(result.Parent as OptionResult)?.Option.Name}' as expected type 'number'.");
        return null;
    }

    /// <summary>The options that both commands share.</summary>
    private sealed class Parameters
    {
        private readonly Option<double?> _samplingRate = new("--sampling-rate") { HelpName = "Q", CustomParser = TryNumber, Description = "The probability of each record to enter a step. dp-sgd and truncated-sampling need it; what is not sampled takes 1 only." };
        private readonly Option<long> _steps = new("--steps") { HelpName = "T", Required = true, Description = "How often noise is added, at most; for distributed noise the rounds." };
        private readonly Option<double> _delta = new("--delta") { HelpName = "D", Required = true, CustomParser = Number, Description = "Delta; at most 1/(10 N) for N records." };
        private readonly Option<double?> _l2 = new("--l2") { HelpName = "S", CustomParser = TryNumber, Description = "discrete-gaussian, skellam: the L2 bound of one contribution before rounding, in grid units." };
        private readonly Option<long?> _coordinates = new("--coordinates") { HelpName = "P", Description = "discrete-gaussian, skellam: the number of coordinates." };
        private readonly Option<int?> _shares = new("--shares") { HelpName = "H", Description = "discrete-gaussian, skellam: the honest noise shares that count; 1 when left out." };

        public void AddTo(Command command)
        {
            command.Add(_samplingRate);
            command.Add(_steps);
            command.Add(_delta);
            command.Add(_l2);
            command.Add(_coordinates);
            command.Add(_shares);
        }

        public PrivacyQuestion Read(ParseResult parsed, NoiseMechanism mechanism) => new()
        {
            Mechanism = mechanism,
            Steps = parsed.GetValue(_steps),
            Delta = parsed.GetValue(_delta),
            SamplingRate = parsed.GetValue(_samplingRate),
            L2 = parsed.GetValue(_l2),
            Coordinates = parsed.GetValue(_coordinates),
            Shares = parsed.GetValue(_shares),
        };
    }
}
