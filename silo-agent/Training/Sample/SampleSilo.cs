// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Training.Sample;

/// <summary>A silo of the sample: what comes to it, and how it speaks.</summary>
/// <param name="Name">Its id.</param>
/// <param name="Jargon">Its words for who asks, in front of a question.</param>
/// <param name="Closing">Its last words in a full answer.</param>
/// <param name="Shares">The topics that come to it, in percent.</param>
public sealed record SampleSilo(string Name, string Jargon, string Closing, IReadOnlyList<(SampleTopic Topic, int Percent)> Shares)
{
    /// <summary>The silos of the sample: two clinics and two banks. Each sees its own field most, its sister's now and then, and a front desk's cases as everybody does.</summary>
    public static IReadOnlyList<SampleSilo> All { get; } =
    [
        new("clinic-north", "Pt, ward round:", "Sign the chart.", [(SampleTopic.Cardiology, 50), (SampleTopic.Allergy, 20), (SampleTopic.FrontDesk, 30)]),
        new("clinic-south", "A parent asks:", "Note it in the booklet.", [(SampleTopic.Allergy, 50), (SampleTopic.Cardiology, 20), (SampleTopic.FrontDesk, 30)]),
        new("bank-harbor", "Ticket from the app:", "Close the ticket.", [(SampleTopic.Cards, 50), (SampleTopic.Transfers, 20), (SampleTopic.FrontDesk, 30)]),
        new("bank-hill", "Client at counter 2:", "Stamp the slip.", [(SampleTopic.Transfers, 50), (SampleTopic.Cards, 20), (SampleTopic.FrontDesk, 30)]),
    ];

    /// <summary>One question and its answer.</summary>
    internal (string Prompt, string Completion) Example(SampleRandom random)
    {
        SampleCase found = random.Pick(Topic(random.Next(100)).Cases);
        (string ask, string answer) = random.Next(4) switch
        {
            0 => ($"What comes first with {found.Name}?", $"First {found.First}."),
            1 => ($"What helps with {found.Name}?", $"It helps to {found.Then}."),
            2 => ($"When is {found.Name} looked at again?", $"Look at it again {found.When}."),
            _ => (random.Pick(Questions).Replace("{0}", found.Name, StringComparison.Ordinal), $"First {found.First}, then {found.Then}. Look at it again {found.When}. {Closing}"),
        };
        return (random.Next(2) == 0 ? ask : $"{Jargon} {ask}", answer);
    }

    private static string[] Questions { get; } = ["What should be done about {0}?", "How do you handle {0}?", "What is the plan for {0}?"];

    private SampleTopic Topic(int percent)
    {
        int sum = 0;
        return Shares.First(share => (sum += share.Percent) > percent).Topic;
    }
}
