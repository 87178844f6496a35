# Figure "memory", made by kvt-render 0.1.0: a gnuplot program with its data inside.
# Variables: format (png, svg or pdf), output_file (empty: standard output):
#     gnuplot -e "format='svg'; output_file='memory.svg'" THIS_FILE
if (!exists('format')) format = 'png'
if (!exists('output_file')) output_file = ''
set encoding utf8
if (format eq 'png') { set terminal pngcairo noenhanced size 1920,956 font 'DejaVu Sans,11' fontscale 2 linewidth 2 pointscale 2 background 'white' }
if (format eq 'svg') { set terminal svg noenhanced size 960,478 font 'DejaVu Sans,11' background 'white' }
if (format eq 'pdf') { set terminal pdfcairo noenhanced size 10.00in,4.98in font 'DejaVu Sans,11' }
if (strlen(output_file)) { set output output_file }
set datafile missing 'NaN'
set style fill solid 1.0 noborder
set label 1 'KV cache against context length' at screen 0.0125,screen 0.9540 left noenhanced font 'DejaVu Sans,14'
set label 2 'recall · snapkv, compressed after the question · task recall · n = 8 per bin and budget' at screen 0.0125,screen 0.9059 left noenhanced font 'DejaVu Sans,9.5' textcolor rgb '#555555'
set label 3 'Left: held after compression, and the peak. Right: kept entries over prompt tokens, as the server counts them; dotted: the budget asked for.' at screen 0.0125,screen 0.0230 left noenhanced font 'DejaVu Sans,8.5' textcolor rgb '#555555'
$memory0_0 << EOD
 237.125 0.952148438 0.952148438 0.952148438
 476.75 1.90429688 1.90429688 1.90429688
 955.375 3.80859375 3.80859375 3.80859375
 1897.25 7.55371094 7.55371094 7.55371094
 3796.125 15.1074219 15.1074219 15.1074219
EOD
$memory0_1 << EOD
 237.125 0.5078125 0.5078125 0.5078125
 476.75 0.952148438 0.952148438 0.952148438
 955.375 1.90429688 1.90429688 1.90429688
 1897.25 3.80859375 3.80859375 3.80859375
 3796.125 7.55371094 7.55371094 7.55371094
EOD
$memory0_2 << EOD
 237.125 0.25390625 0.25390625 0.25390625
 476.75 0.380859375 0.380859375 0.380859375
 955.375 0.76171875 0.76171875 0.76171875
 1897.25 1.5234375 1.5234375 1.5234375
 3796.125 3.046875 3.046875 3.046875
EOD
$peak_0 << EOD
 219.888627 0.983886719 0.983886719 0.983886719
 442.095532 1.90429688 1.90429688 1.90429688
 885.929773 3.84033203 3.84033203 3.84033203
 1759.34085 7.55371094 7.55371094 7.55371094
 3520.18857 15.1074219 15.1074219 15.1074219
EOD
$peak_1 << EOD
 237.125 0.952148438 0.952148438 0.952148438
 476.75 1.90429688 1.90429688 1.90429688
 955.375 3.80859375 3.80859375 3.80859375
 1897.25 7.55371094 7.55371094 7.55371094
 3796.125 15.1074219 15.1074219 15.1074219
EOD
$peak_2 << EOD
 255.712477 0.952148438 0.952148438 0.952148438
 514.120922 1.90429688 1.90429688 1.90429688
 1030.26382 3.80859375 3.80859375 3.80859375
 2045.96942 7.55371094 7.55371094 7.55371094
 4093.69121 15.1074219 15.1074219 15.1074219
EOD
$memory1_0 << EOD
 237.125 1 1 1
 476.75 1 1 1
 955.375 1 1 1
 1897.25 1 1 1
 3796.125 1 1 1
EOD
$memory1_1 << EOD
 237.125 0.504184174 0.504184174 0.504184174
 476.75 0.501570134 0.501570134 0.501570134
 955.375 0.50052411 0.50052411 0.50052411
 1897.25 0.500263713 0.500263713 0.500263713
 3796.125 0.500263297 0.500263297 0.500263297
EOD
$memory1_2 << EOD
 237.125 0.205451637 0.205451637 0.205451637
 476.75 0.201680672 0.201680672 0.201680672
 955.375 0.201254583 0.201254583 0.201254583
 1897.25 0.200579808 0.200579808 0.200579808
 3796.125 0.200210748 0.200210748 0.200210748
EOD
set lmargin at screen 0.0042
set rmargin at screen 0.9958
set tmargin at screen 0.9916
set bmargin at screen 0.0084
set multiplot
unset border
unset tics
unset grid
set key at screen 0.0083,screen 0.8787 left top horizontal maxcols 2 Left reverse noenhanced samplen 2 width 1 font 'DejaVu Sans,10'
plot [0:1] [0:1] -1 notitle, \
  keyentry with linespoints dashtype 1 lw 1.6 pt 7 ps 1.1 lc rgb '#000000' title 'full cache' noenhanced, \
  keyentry with linespoints dashtype 1 lw 1.6 pt 5 ps 1.1 lc rgb '#0072B2' title 'budget 0.5' noenhanced, \
  keyentry with linespoints dashtype 1 lw 1.6 pt 9 ps 1.1 lc rgb '#D55E00' title 'budget 0.2' noenhanced, \
  keyentry with linespoints dashtype 3 lw 1.2 pt 6 ps 1.5 lc rgb '#555555' title 'open marks: peak of the request' noenhanced
unset key
unset label 1
unset label 2
unset label 3
set border 3 lc rgb '#444444' lw 0.8
set xtics nomirror out scale 0.6 textcolor rgb '#222222'
set ytics nomirror out scale 0.6 textcolor rgb '#222222'
set grid ytics lt 1 lc rgb '#E3E3E3' lw 0.7
set lmargin at screen 0.0792
set rmargin at screen 0.4875
set tmargin at screen 0.7782
set bmargin at screen 0.1632
set logscale x
set xrange [ 168.268181 : 5349.53273 ]
set xtics nomirror norotate noenhanced ('237' 237.125, '477' 476.75, '955' 955.375, '1,897' 1897.25, '3,796' 3796.125)
set xlabel 'context length (tokens)' noenhanced
set yrange [0:*]
set ylabel 'KV cache per request (MiB, median)' noenhanced offset 0.5,0
plot $memory0_0 using 1:2:3:4 with yerrorbars pt 0 lw 1.3 lc rgb '#000000', \
  $memory0_0 using 1:2 with linespoints dashtype 1 lw 1.6 pt 7 ps 1.1 lc rgb '#000000', \
  $memory0_1 using 1:2:3:4 with yerrorbars pt 0 lw 1.3 lc rgb '#0072B2', \
  $memory0_1 using 1:2 with linespoints dashtype 1 lw 1.6 pt 5 ps 1.1 lc rgb '#0072B2', \
  $memory0_2 using 1:2:3:4 with yerrorbars pt 0 lw 1.3 lc rgb '#D55E00', \
  $memory0_2 using 1:2 with linespoints dashtype 1 lw 1.6 pt 9 ps 1.1 lc rgb '#D55E00', \
  $peak_1 using 1:2 with linespoints dashtype 3 lw 1.2 pt 4 ps 1.7 lc rgb '#0072B2', \
  $peak_2 using 1:2 with linespoints dashtype 3 lw 1.2 pt 8 ps 1.7 lc rgb '#D55E00'
set lmargin at screen 0.5750
set rmargin at screen 0.9833
set tmargin at screen 0.7782
set bmargin at screen 0.1632
set logscale x
set xrange [ 168.268181 : 5349.53273 ]
set xtics nomirror norotate noenhanced ('237' 237.125, '477' 476.75, '955' 955.375, '1,897' 1897.25, '3,796' 3796.125)
set xlabel 'context length (tokens)' noenhanced
set yrange [0:1.05]
set ylabel 'share of the entries kept (median)' noenhanced offset 0.5,0
set arrow from graph 0,first 1 to graph 1,first 1 nohead back dashtype 3 lw 1.2 lc rgb '#000000'
set arrow from graph 0,first 0.5 to graph 1,first 0.5 nohead back dashtype 3 lw 1.2 lc rgb '#0072B2'
set arrow from graph 0,first 0.2 to graph 1,first 0.2 nohead back dashtype 3 lw 1.2 lc rgb '#D55E00'
plot $memory1_0 using 1:2:3:4 with yerrorbars pt 0 lw 1.3 lc rgb '#000000', \
  $memory1_0 using 1:2 with linespoints dashtype 1 lw 1.6 pt 7 ps 1.1 lc rgb '#000000', \
  $memory1_1 using 1:2:3:4 with yerrorbars pt 0 lw 1.3 lc rgb '#0072B2', \
  $memory1_1 using 1:2 with linespoints dashtype 1 lw 1.6 pt 5 ps 1.1 lc rgb '#0072B2', \
  $memory1_2 using 1:2:3:4 with yerrorbars pt 0 lw 1.3 lc rgb '#D55E00', \
  $memory1_2 using 1:2 with linespoints dashtype 1 lw 1.6 pt 9 ps 1.1 lc rgb '#D55E00'
unset multiplot
